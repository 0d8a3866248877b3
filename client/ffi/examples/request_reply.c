/* Asks a question from one thread, answers it in another, and reaches a client by its name:
 * request_reply [ADDRESS] */

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "coilgun.h"

static coilgun_bytes_t address;

static void check(coilgun_code_t code, const char *what)
{
  if (code < 0) {
    fprintf(stderr, "%s: %s\n%s\n", what, coilgun_last_error_message(), coilgun_last_error_help());
    exit(EXIT_FAILURE);
  }
}

static coilgun_client_t *connect_as(const char *name)
{
  coilgun_options_t *options;
  coilgun_client_t *client;
  check(coilgun_options_new(address.data, address.length, &options), "options");
  check(coilgun_options_set_name(options, name, strlen(name)), "name");
  check(coilgun_connect(options, &client), "connect");
  check(coilgun_options_free(options), "options");
  return client;
}

static coilgun_message_t *receive(coilgun_client_t *client)
{
  coilgun_message_t *message;
  check(coilgun_next_message(client, COILGUN_FOREVER, &message), "next message");
  return message;
}

static void print_payload(const char *before, const coilgun_message_t *message)
{
  size_t length;
  const char *payload = coilgun_message_payload(message, &length);
  printf("%s: %.*s\n", before, (int)length, payload);
}

/* Answers one question. */
static void *answer(void *argument)
{
  coilgun_client_t *client = argument;
  coilgun_message_t *question = receive(client);
  coilgun_bytes_t nowhere = coilgun_bytes(NULL, 0);
  coilgun_publication_t reply = coilgun_publication(nowhere, coilgun_text("42"));
  print_payload("asked", question);
  check(coilgun_reply(client, question, &reply), "reply");
  check(coilgun_write_out(client), "write out");
  check(coilgun_message_free(question), "free");
  return NULL;
}

int main(int argument_count, char **arguments)
{
  pthread_t thread;
  coilgun_client_t *desk;
  coilgun_client_t *clerk;
  coilgun_message_t *message;
  coilgun_publication_t publication;
  uint64_t questions;

  address = coilgun_text(argument_count > 1 ? arguments[1] : "127.0.0.1:7700");
  desk = connect_as("desk");
  clerk = connect_as("clerk.1");
  check(coilgun_subscribe(clerk, "questions", 9, NULL, &questions), "subscribe");

  if (pthread_create(&thread, NULL, answer, clerk) != 0) {
    return EXIT_FAILURE;
  }
  publication = coilgun_publication(coilgun_text("questions"), coilgun_text("6 * 7"));
  check(coilgun_request(desk, &publication, 5000, &message), "request");
  pthread_join(thread, NULL);
  print_payload("answered", message);
  check(coilgun_message_free(message), "free");

  publication = coilgun_publication(coilgun_text("clerk.1"), coilgun_text("hello from desk"));
  publication.target_kind = COILGUN_TO_NAME;
  check(coilgun_publish(desk, &publication), "publish");
  publication = coilgun_publication(coilgun_text("clerk.*"), coilgun_text("closing time"));
  publication.target_kind = COILGUN_BROADCAST;
  check(coilgun_publish(desk, &publication), "publish");
  check(coilgun_flush(desk), "flush");

  message = receive(clerk);
  print_payload("by name", message);
  check(coilgun_message_free(message), "free");
  message = receive(clerk);
  print_payload("broadcast", message);
  check(coilgun_message_free(message), "free");

  check(coilgun_close(clerk), "close");
  check(coilgun_close(desk), "close");
  return EXIT_SUCCESS;
}
