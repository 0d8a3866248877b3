/* Does what cannot be done and says what the library says about it: errors [ADDRESS] */

#include <stdio.h>
#include <stdlib.h>

#include "coilgun.h"

int main(int argument_count, char **arguments)
{
  coilgun_bytes_t address = coilgun_text(argument_count > 1 ? arguments[1] : "127.0.0.1:7700");
  coilgun_options_t *options;
  coilgun_client_t *client;
  coilgun_message_t *reply;
  coilgun_publication_t publication;
  uint64_t subscription;
  coilgun_code_t code;

  if (coilgun_options_new(address.data, address.length, &options) != COILGUN_OK
      || coilgun_connect(options, &client) != COILGUN_OK) {
    fprintf(stderr, "%s\n%s\n", coilgun_last_error_message(), coilgun_last_error_help());
    return EXIT_FAILURE;
  }

  publication = coilgun_publication(coilgun_text("nobody.here"), coilgun_text("?"));
  code = coilgun_request(client, &publication, COILGUN_FOREVER, &reply);
  printf("request: %d %s (%u), retryable %d, fatal %d\n", (int)code, coilgun_last_error_name(),
         (unsigned)coilgun_last_error_broker_code(), (int)coilgun_last_error_is_retryable(),
         (int)coilgun_last_error_is_fatal());
  printf("%s\n%s\n", coilgun_last_error_message(), coilgun_last_error_help());

  publication.target = coilgun_text("no..subject");
  code = coilgun_publish(client, &publication);
  printf("publish: %d %s\n", (int)code, coilgun_last_error_name());

  code = coilgun_subscribe(client, "a.>.b", 5, NULL, &subscription);
  printf("subscribe: %d %s\n", (int)code, coilgun_last_error_name());

  code = coilgun_flush(NULL);
  printf("no client: %d %s\n", (int)code, coilgun_last_error_message());

  if (coilgun_close(client) != COILGUN_OK || coilgun_options_free(options) != COILGUN_OK) {
    return EXIT_FAILURE;
  }

  code = coilgun_options_new("nats://x", 8, &options);
  printf("address: %d %s\n", (int)code, coilgun_last_error_name());
  return options == NULL ? EXIT_SUCCESS : EXIT_FAILURE;
}
