/*
 * The blocking client of Coilgun for C. Generated from the source of coilgun-client-ffi: do not edit.
 *
 * A program makes options, connects, publishes, subscribes, takes messages out, and frees everything
 * that it was given. A call that waits has a time limit; nothing happens between calls.
 *
 * Rules that a caller keeps:
 * - Texts and bytes are a pointer and a length. They need no NUL at their end, NULL with the length 0 is
 *   empty, and nothing of them is kept beyond the call. What the library gives belongs to the object it
 *   was read from and lives as long as that.
 * - A handle comes from this library, is given to functions of its own type only, and is freed once.
 *   NULL is refused, or is nothing to free; a handle that was freed cannot be told from one that was not.
 * - One thread at a time uses a client or options, any thread. A second call meanwhile does nothing and
 *   gives COILGUN_ERROR_BUSY. Messages never change: many threads may read one. Nobody frees what another
 *   thread uses.
 * - A call gives COILGUN_OK, COILGUN_NOTHING, or a number below 0, about which the functions
 *   coilgun_last_error_... say more in the same thread. Where a call answers something else, 0 or NULL
 *   may be an error.
 * - A mistake of the library gives COILGUN_ERROR_PANIC; it prints a line to standard error, and the
 *   handle takes no further call. No exception and no unwinding crosses this interface.
 */

#ifndef COILGUN_H
#define COILGUN_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

// The version of this interface, which the header was written for.
#define COILGUN_ABI_VERSION 1

// What became of a call: zero or more went well, and less is an error, about which the functions
// `coilgun_last_error_...` say more. The numbers never change; a later version may add some.
enum coilgun_code_t
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // It is done.
  COILGUN_OK = 0,
  // There is nothing: no message came in time, or there is no such header. It is no error.
  COILGUN_NOTHING = 1,
  // A pointer is NULL or misaligned, a number is out of its range, or a text is no UTF-8 where it
  // has to be.
  COILGUN_ERROR_INVALID_ARGUMENT = -1,
  // Another thread is in a call with the same handle. Nothing was done.
  COILGUN_ERROR_BUSY = -2,
  // A mistake of the library: the call ended half way. The handle takes no further call and can
  // only be freed.
  COILGUN_ERROR_PANIC = -3,
  // An earlier call with this handle ended in COILGUN_ERROR_PANIC. Nothing was done.
  COILGUN_ERROR_POISONED = -4,
  // The text of an address is none.
  COILGUN_ERROR_INVALID_ADDRESS = -5,
  // Nothing could be reached at the address.
  COILGUN_ERROR_CANNOT_CONNECT = -6,
  // The connection broke, or the broker closed it without a word.
  COILGUN_ERROR_CONNECTION_LOST = -7,
  // The other side does not speak the native protocol.
  COILGUN_ERROR_NOT_COILGUN = -8,
  // The broker ended the connection and said why.
  COILGUN_ERROR_ENDED = -9,
  // The broker refused this operation; the connection goes on.
  COILGUN_ERROR_REFUSED = -10,
  // There was no answer in time.
  COILGUN_ERROR_TIMED_OUT = -11,
  // Messages came while the client waited for something else, nobody took them out, and there is
  // no room for more.
  COILGUN_ERROR_QUEUE_FULL = -12,
  // The broker does not offer what was asked for.
  COILGUN_ERROR_NOT_OFFERED = -13,
  // The subject, the name, or the subject for replies is none.
  COILGUN_ERROR_INVALID_SUBJECT = -14,
  // The filter or the mask of a broadcast is none.
  COILGUN_ERROR_INVALID_FILTER = -15,
  // A header cannot be sent.
  COILGUN_ERROR_INVALID_HEADERS = -16,
  // The payload is larger than this broker accepts.
  COILGUN_ERROR_PAYLOAD_TOO_LARGE = -17,
  // A part is too long to be sent.
  COILGUN_ERROR_CANNOT_ENCODE = -18,
  // The message wants no reply.
  COILGUN_ERROR_NO_REPLY_WANTED = -19,
  // Whoever serves the request answered that it failed.
  COILGUN_ERROR_HANDLER = -20,
  // The connection broke before the answer came: nobody knows whether what was asked took effect.
  COILGUN_ERROR_LOST = -21,
  // There is no connection just now, and as much waits for the next one as may.
  COILGUN_ERROR_AWAY_FULL = -22,
  // The client was closed.
  COILGUN_ERROR_CLOSED = -23,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum coilgun_code_t coilgun_code_t;
#else
typedef int32_t coilgun_code_t;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// What the target of a message is.
enum coilgun_target_kind_t
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // A subject: the message goes to everybody who wants what is published to it.
  COILGUN_TO_SUBJECT = 0,
  // The name of a client: the message goes to that client.
  COILGUN_TO_NAME = 1,
  // A mask over names: the message goes to every client whose name it matches. `*` stands for one
  // token and `>` for the rest.
  COILGUN_BROADCAST = 2,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum coilgun_target_kind_t coilgun_target_kind_t;
#else
typedef int32_t coilgun_target_kind_t;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// A client of a broker.
typedef struct coilgun_client_t coilgun_client_t;

// A message that arrived. It never changes, so several threads may read it at once.
typedef struct coilgun_message_t coilgun_message_t;

// How a client connects.
typedef struct coilgun_options_t coilgun_options_t;

// Bytes of the caller. NULL with the length 0 is empty.
typedef struct coilgun_bytes_t {
  // The first one.
  const void *data;
  // How many there are.
  size_t length;
} coilgun_bytes_t;

// One header of a message that goes out.
typedef struct coilgun_header_t {
  // Its name, UTF-8 without spaces, colons and control bytes.
  struct coilgun_bytes_t name;
  // Its value, any bytes.
  struct coilgun_bytes_t value;
} coilgun_header_t;

// A message on its way out. All fields that are 0 is a message with nothing in it, so a program sets
// everything to 0, `struct_size`, and what it needs; coilgun_publication() does the first two. Nothing
// of it is kept beyond the call that takes it.
typedef struct coilgun_publication_t {
  // sizeof(coilgun_publication_t), by which the library knows the version of the struct.
  size_t struct_size;
  // What the target is, one of coilgun_target_kind_t.
  int32_t target_kind;
  // Not 0, in a reply: more replies to the same request follow this one.
  int32_t has_more;
  // Where it goes; empty in a reply, which goes where its request says.
  struct coilgun_bytes_t target;
  // The subject for replies; empty: none. A request has one of its own.
  struct coilgun_bytes_t reply;
  // The first header; NULL if there is none.
  const struct coilgun_header_t *headers;
  // How many headers there are.
  size_t header_count;
  // The payload.
  struct coilgun_bytes_t payload;
} coilgun_publication_t;

// How a subscription receives. All fields that are 0 is a subscription without limits;
// coilgun_subscribe_options() sets everything to 0 and `struct_size`.
typedef struct coilgun_subscribe_options_t {
  // sizeof(coilgun_subscribe_options_t), by which the library knows the version of the struct.
  size_t struct_size;
  // Not 0: only as many messages arrive as `credit` and coilgun_add_credit allow.
  int32_t has_credit;
  // How many messages may arrive before coilgun_add_credit is needed.
  uint32_t credit;
  // The subscription ends after this many messages; 0: it does not.
  uint32_t deliveries_max;
  // The policy for its messages while the client does not read fast enough, by number as in
  // coilgun_options_set_slow_consumer.
  int32_t slow_consumer;
  // Name of the queue group, whose members share the messages, UTF-8; empty: none.
  struct coilgun_bytes_t queue_group;
} coilgun_subscribe_options_t;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// The version of the interface that the library was built with. A program compares it with
// COILGUN_ABI_VERSION once, before it does anything else: within one version functions and fields
// are only added, and no number changes its meaning.
uint32_t coilgun_abi_version(void);

// Name and version of the library, such as `coilgun/0.1.0`, NUL-terminated; lives as long as the
// library.
const char *coilgun_version(void);

// The code of the last call of this thread that failed; COILGUN_OK, if none did. Success changes
// nothing of it.
coilgun_code_t coilgun_last_error_code(void);

// What happened in the last call of this thread that failed, as a sentence for people,
// NUL-terminated; empty, if none did. The text lives until the next call of this thread that fails,
// or the end of the thread.
const char *coilgun_last_error_message(void);

// A short name of the error in lower case, for machines and logs, such as `no_responders`; else as
// coilgun_last_error_message.
const char *coilgun_last_error_name(void);

// What to do about the error; may be empty. Else as coilgun_last_error_message.
const char *coilgun_last_error_help(void);

// The number of the reason in the table of errors that docs/WIRE.md holds, or after
// COILGUN_ERROR_HANDLER the number that the handler gave; 0: there is none.
uint16_t coilgun_last_error_broker_code(void);

// 1, if the same may succeed later without being changed; else 0.
int32_t coilgun_last_error_is_retryable(void);

// 1, if the client is lost, so that only a new one helps; else 0.
int32_t coilgun_last_error_is_fatal(void);

// Begins the options of a client for the broker at an address: `host:port`, `coilgun://host:port`,
// `unix:PATH`, or a path with a slash. Unless it is changed, a client has no name, is in the default
// namespace, takes at most 5 seconds to connect and 10 seconds for every answer, and keeps up to
// 65,536 messages or 64 MiB for coilgun_next_message.
//
// The options are freed with coilgun_options_free; on failure `*options_out` is NULL.
coilgun_code_t coilgun_options_new(const void *address,
                                   size_t address_length,
                                   struct coilgun_options_t **options_out);

// Frees options; nothing happens with NULL. Clients that were connected with them go on.
coilgun_code_t coilgun_options_free(struct coilgun_options_t *options);

// Gives the client a name by which others reach it, unique in its namespace, in the grammar of a
// subject; empty: none.
coilgun_code_t coilgun_options_set_name(struct coilgun_options_t *options,
                                        const void *name,
                                        size_t name_length);

// Puts the client into a namespace; empty: the default one of the broker.
coilgun_code_t coilgun_options_set_namespace(struct coilgun_options_t *options,
                                             const void *name,
                                             size_t name_length);

// Says who the client is: a user, empty where a token says it all, and a password or token.
coilgun_code_t coilgun_options_set_credentials(struct coilgun_options_t *options,
                                               const void *user,
                                               size_t user_length,
                                               const void *secret,
                                               size_t secret_length);

// How long connecting may take, the handshake included, in milliseconds.
coilgun_code_t coilgun_options_set_connect_timeout(struct coilgun_options_t *options,
                                                   uint32_t timeout_ms);

// How long a call that waits for the broker may take where it has no time limit of its own, in
// milliseconds.
coilgun_code_t coilgun_options_set_timeout(struct coilgun_options_t *options, uint32_t timeout_ms);

// How many messages, at least 1, and how many bytes of them wait in the client at most while it
// waits for something else; one message of any size is taken even so.
coilgun_code_t coilgun_options_set_queue(struct coilgun_options_t *options,
                                         size_t messages_max,
                                         size_t bytes_max);

// Not 0: the client does not get what it published itself.
coilgun_code_t coilgun_options_set_no_echo(struct coilgun_options_t *options, int32_t no_echo);

// Not 0: the client gets each message once, however many of its subscriptions match it.
coilgun_code_t coilgun_options_set_once_per_message(struct coilgun_options_t *options,
                                                    int32_t once_per_message);

// Whether the client comes back when its connection breaks, which it does unless this is 0: while a call
// waits, within the time limit of the call. Its subscriptions go on then, and what was published
// meanwhile is sent; calls whose outcome nobody knows give COILGUN_ERROR_LOST.
coilgun_code_t coilgun_options_set_reconnect(struct coilgun_options_t *options,
                                             int32_t reconnect);

// What the broker shall do with messages that the client does not read fast enough, by the number of
// the policy in docs/WIRE.md: 0 what the broker does anyway, 1 disconnect, 2 drop the newest, 3 drop
// the oldest, 4 to 6 let publishers wait and then do one of the three.
coilgun_code_t coilgun_options_set_slow_consumer(struct coilgun_options_t *options,
                                                 int32_t policy);

// Connects, and returns when the broker has let the client in. The options may be used again or
// freed afterwards. The client is freed with coilgun_close or coilgun_client_free; on failure
// `*client_out` is NULL.
coilgun_code_t coilgun_connect(struct coilgun_options_t *options,
                               struct coilgun_client_t **client_out);

// Says goodbye, waits for the end of the connection, and frees the client: what was published is
// out, and what still arrives is dropped. Whatever it returns, the client is gone, unless it returns
// COILGUN_ERROR_BUSY or the pointer is NULL.
coilgun_code_t coilgun_close(struct coilgun_client_t *client);

// Ends the connection at once and frees the client; what was published and not flushed may be lost.
// Nothing happens with NULL. With COILGUN_ERROR_BUSY nothing was freed.
coilgun_code_t coilgun_client_free(struct coilgun_client_t *client);

// Returns once everything this client sent has taken effect: messages are in the outboxes of their
// receivers, and subscriptions receive.
coilgun_code_t coilgun_flush(struct coilgun_client_t *client);

// Hands everything to the system that was published and not yet sent.
coilgun_code_t coilgun_write_out(struct coilgun_client_t *client);

// Sends what waits to be sent, reads what has arrived as far as there is room for it, answers the
// broker's signs of life, and waits for nothing. Who makes no other call for long calls this, at
// least once in each ping interval of the broker.
coilgun_code_t coilgun_keep_alive(struct coilgun_client_t *client);

// Ends all subscriptions and returns when nothing more is delivered for them and everything that was
// sent has taken effect; what arrived before is still handed out by coilgun_next_message.
coilgun_code_t coilgun_drain(struct coilgun_client_t *client);

// Takes the oldest message that was not handed out; COILGUN_NOTHING, if none comes within
// `timeout_ms` milliseconds. 0 takes what is there, COILGUN_FOREVER waits for as long as it takes.
// The message is freed with coilgun_message_free; without one `*message_out` is NULL.
coilgun_code_t coilgun_next_message(struct coilgun_client_t *client,
                                    uint32_t timeout_ms,
                                    struct coilgun_message_t **message_out);

// How many messages wait in the client for coilgun_next_message; 0 if that cannot be told.
size_t coilgun_queued_count(struct coilgun_client_t *client);

// The largest payload that the broker accepts, in bytes; 0 if that cannot be told.
size_t coilgun_payload_bytes_max(struct coilgun_client_t *client);

// 1, if the client is connected as far as it knows, which looks only while a call waits; 0, if it is
// about to come back or has ended, or if that cannot be told.
int32_t coilgun_is_connected(struct coilgun_client_t *client);

// 1, if the broker said that it is about to leave: it still delivers what waits, and ends the
// connection soon. 0 if not, or if that cannot be told.
int32_t coilgun_is_going_away(struct coilgun_client_t *client);

// Sends a message and waits for nothing: it goes out with coilgun_flush, coilgun_write_out or the next
// call that waits, or once enough has come together. After an error it was not taken.
coilgun_code_t coilgun_publish(struct coilgun_client_t *client,
                               const struct coilgun_publication_t *publication);

// Sends a message, waits until every receiver's outbox has it, and says in `*receivers_out` how many
// there are; NULL, if nobody wants to know.
coilgun_code_t coilgun_publish_acked(struct coilgun_client_t *client,
                                     const struct coilgun_publication_t *publication,
                                     uint32_t *receivers_out);

// Sends a message and waits at most `timeout_ms` milliseconds for the reply to it; COILGUN_FOREVER
// waits for as long as it takes. If nobody is there to answer, that is said at once, by
// COILGUN_ERROR_REFUSED and the name `no_responders`. The reply is freed with coilgun_message_free; on
// failure `*reply_out` is NULL.
coilgun_code_t coilgun_request(struct coilgun_client_t *client,
                               const struct coilgun_publication_t *publication,
                               uint32_t timeout_ms,
                               struct coilgun_message_t **reply_out);

// Replies to a message, with the payload and the headers of `reply`, whose target is empty. Waits for
// nothing, as coilgun_publish.
coilgun_code_t coilgun_reply(struct coilgun_client_t *client,
                             const struct coilgun_message_t *request,
                             const struct coilgun_publication_t *reply);

// Begins to receive what is published to the subjects that a filter matches, and returns when the
// subscription is in force. Its number, never 0, is what coilgun_message_subscription says. `options`
// may be NULL.
coilgun_code_t coilgun_subscribe(struct coilgun_client_t *client,
                                 const void *filter,
                                 size_t filter_length,
                                 const struct coilgun_subscribe_options_t *options,
                                 uint64_t *subscription_out);

// Ends a subscription and returns when nothing more is delivered for it. Messages that arrived before
// are still handed out.
coilgun_code_t coilgun_unsubscribe(struct coilgun_client_t *client,
                                   uint64_t subscription);

// Ends a subscription once it has had so many messages since it began; 0: at once.
coilgun_code_t coilgun_unsubscribe_after(struct coilgun_client_t *client,
                                         uint64_t subscription,
                                         uint32_t deliveries_max);

// Lets a subscription receive so many messages more. Waits for nothing, as coilgun_publish.
coilgun_code_t coilgun_add_credit(struct coilgun_client_t *client,
                                  uint64_t subscription,
                                  uint32_t messages);

// Frees a message, and with it every piece that was read of it. Nothing happens with NULL.
coilgun_code_t coilgun_message_free(struct coilgun_message_t *message);

// The subject it was published to. The bytes have no NUL at their end and live as long as the
// message; NULL, if that cannot be told.
const void *coilgun_message_subject(const struct coilgun_message_t *message, size_t *length_out);

// The payload; else as coilgun_message_subject. An empty one is not NULL.
const void *coilgun_message_payload(const struct coilgun_message_t *message, size_t *length_out);

// The subject for replies; NULL, if there is none. Else as coilgun_message_subject.
const void *coilgun_message_reply(const struct coilgun_message_t *message, size_t *length_out);

// The name of the client that published it; NULL, if it has none. Else as coilgun_message_subject.
const void *coilgun_message_sender(const struct coilgun_message_t *message, size_t *length_out);

// The number of the subscription it came for; 0: it was sent to the client's name.
uint64_t coilgun_message_subscription(const struct coilgun_message_t *message);

// The number its publisher gave it, which a reply carries back; 0: none.
uint64_t coilgun_message_correlation(const struct coilgun_message_t *message);

// How many milliseconds the requester waits for a reply; 0: it does not say.
uint32_t coilgun_message_deadline_ms(const struct coilgun_message_t *message);

// How many messages the subscription missed since the one before, for lack of credit.
uint32_t coilgun_message_missed(const struct coilgun_message_t *message);

// 1, if its publisher waits for a reply; else 0.
int32_t coilgun_message_is_request(const struct coilgun_message_t *message);

// 1, if more replies to the same request follow this one; else 0.
int32_t coilgun_message_has_more(const struct coilgun_message_t *message);

// How many headers the message has; 0, if that cannot be told.
size_t coilgun_message_header_count(const struct coilgun_message_t *message);

// The value of the first header of a name; case matters. COILGUN_NOTHING, if there is none. The bytes
// live as long as the message.
coilgun_code_t coilgun_message_header(const struct coilgun_message_t *message,
                                      const void *name,
                                      size_t name_length,
                                      struct coilgun_bytes_t *value_out);

// The header at a place, counted from 0 in the order they were sent; COILGUN_NOTHING behind the last
// one. The bytes live as long as the message.
coilgun_code_t coilgun_message_header_at(const struct coilgun_message_t *message,
                                         size_t index,
                                         struct coilgun_header_t *header_out);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

// A time limit that never comes.
#define COILGUN_FOREVER UINT32_MAX

// So many bytes.
static inline coilgun_bytes_t coilgun_bytes(const void *data, size_t length)
{
  coilgun_bytes_t bytes;
  bytes.data = data;
  bytes.length = length;
  return bytes;
}

// The bytes of a text that ends with a NUL, without the NUL.
static inline coilgun_bytes_t coilgun_text(const char *text)
{
  return coilgun_bytes(text, strlen(text));
}

// A message to a subject; with no target the beginning of a reply.
static inline coilgun_publication_t coilgun_publication(coilgun_bytes_t target, coilgun_bytes_t payload)
{
  coilgun_publication_t publication;
  memset(&publication, 0, sizeof publication);
  publication.struct_size = sizeof publication;
  publication.target = target;
  publication.payload = payload;
  return publication;
}

// A subscription without limits.
static inline coilgun_subscribe_options_t coilgun_subscribe_options(void)
{
  coilgun_subscribe_options_t options;
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options;
  return options;
}

#endif // COILGUN_H
