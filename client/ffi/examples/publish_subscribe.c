/* Publishes two messages and receives them: publish_subscribe [ADDRESS] */

#include <stdio.h>
#include <stdlib.h>

#include "coilgun.h"

static void check(coilgun_code_t code, const char *what)
{
  if (code < 0) {
    fprintf(stderr, "%s: %s\n%s\n", what, coilgun_last_error_message(), coilgun_last_error_help());
    exit(EXIT_FAILURE);
  }
}

static void print_message(const coilgun_message_t *message)
{
  size_t subject_length;
  size_t payload_length;
  const char *subject = coilgun_message_subject(message, &subject_length);
  const char *payload = coilgun_message_payload(message, &payload_length);
  coilgun_bytes_t trace;
  printf("%.*s: %.*s", (int)subject_length, subject, (int)payload_length, payload);
  if (coilgun_message_header(message, "Trace-Id", 8, &trace) == COILGUN_OK) {
    printf(" (Trace-Id %.*s)", (int)trace.length, (const char *)trace.data);
  }
  printf("\n");
}

static void receive(coilgun_client_t *client)
{
  coilgun_message_t *message;
  coilgun_code_t code = coilgun_next_message(client, 5000, &message);
  check(code, "next message");
  if (code == COILGUN_NOTHING) {
    fprintf(stderr, "no message came in time\n");
    exit(EXIT_FAILURE);
  }
  print_message(message);
  check(coilgun_message_free(message), "free");
}

int main(int argument_count, char **arguments)
{
  coilgun_bytes_t address = coilgun_text(argument_count > 1 ? arguments[1] : "127.0.0.1:7700");
  coilgun_options_t *options;
  coilgun_client_t *client;
  coilgun_message_t *message;
  coilgun_subscribe_options_t credited = coilgun_subscribe_options();
  coilgun_publication_t order;
  coilgun_header_t trace;
  uint64_t orders;
  uint32_t receivers;

  if (coilgun_abi_version() != COILGUN_ABI_VERSION) {
    fprintf(stderr, "the library has another interface than the header\n");
    return EXIT_FAILURE;
  }
  check(coilgun_options_new(address.data, address.length, &options), "options");
  check(coilgun_options_set_timeout(options, 5000), "options");
  check(coilgun_connect(options, &client), "connect");
  check(coilgun_options_free(options), "options");

  credited.queue_group = coilgun_text("presses");
  credited.has_credit = 1;
  credited.credit = 1;
  check(coilgun_subscribe(client, "orders.>", 8, &credited, &orders), "subscribe");

  order = coilgun_publication(coilgun_text("orders.new"), coilgun_text("one table"));
  trace.name = coilgun_text("Trace-Id");
  trace.value = coilgun_text("7");
  order.headers = &trace;
  order.header_count = 1;
  check(coilgun_publish(client, &order), "publish");
  check(coilgun_flush(client), "flush");
  receive(client);

  check(coilgun_add_credit(client, orders, 10), "credit");
  order = coilgun_publication(coilgun_text("orders.new"), coilgun_text("two chairs"));
  check(coilgun_publish_acked(client, &order, &receivers), "publish");
  printf("receivers: %u\n", (unsigned)receivers);

  /* What arrived before the end of the subscription is still handed out. */
  check(coilgun_drain(client), "drain");
  receive(client);
  if (coilgun_next_message(client, 0, &message) == COILGUN_NOTHING) {
    printf("nothing more\n");
  }
  check(coilgun_close(client), "close");
  return EXIT_SUCCESS;
}
