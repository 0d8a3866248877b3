//! Every refusal and fault a client can be told of, as a stable table.
//!
//! Numbers and names never change their meaning and are never used again; new ones are appended.
//! A golden file holds the table.

macro_rules! error_codes {
    ($($(#[$doc:meta])* $variant:ident = $number:literal, $name:literal, $retryable:literal, $text:literal, $help:literal;)*) => {
        /// A stable number for what went wrong, or that nothing did.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[repr(u16)]
        pub enum ErrorCode {
            $($(#[$doc])* $variant = $number,)*
        }

        impl ErrorCode {
            /// Every code there is, by number.
            pub const ALL: &'static [ErrorCode] = &[$(ErrorCode::$variant,)*];

            /// The code with this number, if this version knows it.
            #[must_use]
            pub fn from_number(number: u16) -> Option<ErrorCode> {
                match number {
                    $($number => Some(ErrorCode::$variant),)*
                    _ => None,
                }
            }

            /// Its name in lower case, for machines and logs.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(ErrorCode::$variant => $name,)* }
            }

            /// Whether the same request may succeed later without being changed.
            #[must_use]
            pub fn retryable(self) -> bool {
                match self { $(ErrorCode::$variant => $retryable,)* }
            }

            /// One sentence that says what happened.
            #[must_use]
            pub fn text(self) -> &'static str {
                match self { $(ErrorCode::$variant => $text,)* }
            }

            /// What to do about it.
            #[must_use]
            pub fn help(self) -> &'static str {
                match self { $(ErrorCode::$variant => $help,)* }
            }
        }
    };
}

error_codes! {
    /// Nothing went wrong.
    Ok = 0, "ok", false, "done", "";

    /// The bytes are not a frame of the protocol.
    MalformedFrame = 100, "malformed_frame", false,
        "the broker cannot read this frame",
        "This is a fault of the client library; docs/WIRE.md describes every frame.";
    /// The two sides share no version of the protocol.
    UnsupportedVersion = 101, "unsupported_version", false,
        "client and broker share no version of the protocol",
        "Use a client or a broker of a version that the other side names.";
    /// The frame's operation does not exist or may not be sent in this direction.
    UnknownOperation = 102, "unknown_operation", false,
        "the broker does not know this operation",
        "Use it only where the broker's WELCOME lists the feature it belongs to.";
    /// The frame is longer than the broker accepts.
    FrameTooLarge = 103, "frame_too_large", false,
        "the frame is longer than the broker accepts",
        "Split the payload, or raise limits.payload_bytes_max in the broker's configuration.";
    /// The first frame was not HELLO, or there was a second HELLO.
    HandshakeExpected = 104, "handshake_expected", false,
        "a connection begins with exactly one HELLO",
        "This is a fault of the client library; docs/WIRE.md describes the handshake.";
    /// The handshake was not finished in time.
    HandshakeTimeout = 105, "handshake_timeout", true,
        "the handshake was not finished in time",
        "Check the network; send preface and HELLO right after connecting.";

    /// The subject breaks the grammar.
    InvalidSubject = 200, "invalid_subject", false,
        "the subject breaks the grammar",
        "Tokens are separated by single dots; wildcards and white space are not allowed in a subject.";
    /// The filter breaks the grammar.
    InvalidFilter = 201, "invalid_filter", false,
        "the filter breaks the grammar",
        "Tokens are separated by single dots; * stands for one token, > for the rest and only at the end.";
    /// Nobody is there to answer the request.
    NoResponders = 202, "no_responders", true,
        "nobody serves this subject",
        "Start a responder, or check the subject and the namespace.";
    /// Responders exist, but none of them has credit for one more message.
    NoCredit = 203, "no_credit", true,
        "everybody who serves this subject is busy",
        "Try again later, add responders, or let them give more credit.";
    /// Another client has this name.
    NameTaken = 204, "name_taken", true,
        "another client of this namespace has this name",
        "Choose another name, or close the other client first.";
    /// The name is no valid client name.
    InvalidName = 205, "invalid_name", false,
        "this is not a valid client name",
        "A name follows the grammar of a subject and is at most 512 bytes long.";
    /// The namespace does not exist.
    UnknownNamespace = 206, "unknown_namespace", false,
        "the namespace does not exist",
        "Check its spelling, or add it to namespaces in the broker's configuration.";
    /// The payload is larger than the limit.
    PayloadTooLarge = 207, "payload_too_large", false,
        "the payload is larger than the broker accepts",
        "Split it, or raise limits.payload_bytes_max in the broker's configuration.";
    /// The connection has too many subscriptions.
    TooManySubscriptions = 208, "too_many_subscriptions", false,
        "this connection has as many subscriptions as it may",
        "Use wildcards, or raise limits.subscriptions_per_client_max in the broker's configuration.";
    /// The number of the subscription is in use, or is the reserved 0.
    SubscriptionTaken = 209, "subscription_taken", false,
        "the number of this subscription is in use or reserved",
        "Number the subscriptions of a connection from 1, each once.";
    /// The connection has no subscription of this number.
    UnknownSubscription = 210, "unknown_subscription", false,
        "this connection has no subscription of this number",
        "It has ended already, or never began.";
    /// Credentials were given, and this broker has nothing to check them against.
    CredentialsNotAccepted = 211, "credentials_not_accepted", false,
        "the broker cannot check credentials",
        "Connect without credentials: this broker has no users.";
    /// The subject belongs to the broker.
    ReservedSubject = 212, "reserved_subject", false,
        "this subject belongs to the broker",
        "Subjects whose first token is $NAME or $SYS can be published to, not subscribed to.";
    /// The name of the queue group is too long or breaks the grammar of a token.
    InvalidQueueGroup = 213, "invalid_queue_group", false,
        "this is not a valid name of a queue group",
        "A queue group is named by at most 256 bytes without white space.";
    /// The headers are larger than the limit.
    HeadersTooLarge = 214, "headers_too_large", false,
        "the headers are larger than the broker accepts",
        "Send less in headers, or raise limits.headers_bytes_max in the broker's configuration.";
    /// The shard has no room for more subscriptions, whoever asks.
    SubscriptionsExhausted = 215, "subscriptions_exhausted", true,
        "the broker has no room for more subscriptions",
        "Try again later, or raise limits.subscriptions_max or limits.filter_bytes_max in the broker's configuration.";
    /// Nobody gets in here without saying who they are.
    AuthenticationRequired = 216, "authentication_required", false,
        "the broker wants to know who connects",
        "Connect with a user's name and password (--user, --password-file).";
    /// There is no such user, or it has another password.
    WrongCredentials = 217, "wrong_credentials", false,
        "user or password is wrong",
        "Check both; the broker's configuration lists its users under [[user]].";
    /// The user may not do this.
    PermissionDenied = 218, "permission_denied", false,
        "the user may not do this",
        "Use what the user is allowed, or change publish, subscribe or request of the user in the broker's configuration.";
    /// More clients than can wait for it want their password checked.
    AuthenticationBusy = 219, "authentication_busy", true,
        "too many passwords wait to be checked",
        "Connect again a little later.";
    /// The request waited in the broker for as long as its requester waits for the reply.
    DeadlineExceeded = 220, "deadline_exceeded", true,
        "the time for the reply was over before the request could be delivered",
        "Try again later, wait longer, or find out which reader of this subject is behind.";
    /// A secondary was to be let in, and nobody has the name of its primary.
    PrimaryNotRegistered = 221, "primary_not_registered", true,
        "no client has the name of the primary of this one",
        "Connect the primary first, and keep it connected.";
    /// The connection has as many exclusions as it may.
    TooManyExclusions = 222, "too_many_exclusions", false,
        "this connection excludes as many filters as it may",
        "Exclude fewer filters, with wildcards.";

    /// The client did not read what was sent to it in time.
    SlowConsumer = 300, "slow_consumer", true,
        "the client did not read its messages in time",
        "Read faster, subscribe to less, or share the work in a queue group.";
    /// The client gave no sign of life.
    StaleConnection = 301, "stale_connection", true,
        "the client gave no sign of life",
        "Answer PING with PONG, or send something within two ping intervals.";
    /// The broker shuts down.
    ShuttingDown = 302, "shutting_down", true,
        "the broker shuts down",
        "Connect again later, or to another broker.";
    /// The broker has no memory left for this connection.
    BuffersExhausted = 303, "buffers_exhausted", true,
        "the broker has no buffers left for this connection",
        "Try again later, or raise limits.buffer_bytes_max in the broker's configuration.";
    /// There are too many connections.
    TooManyConnections = 304, "too_many_connections", true,
        "the broker has no room for another connection",
        "Close connections, or raise limits.connections_max in the broker's configuration.";
    /// The client sends more than it may; it is read more slowly.
    RateExceeded = 305, "rate_exceeded", true,
        "the client sends faster than it may, and is read more slowly",
        "Send less, or raise limits.messages_per_second_max or limits.bytes_per_second_max in the broker's configuration.";
    /// The frame did not arrive in time.
    FrameTimeout = 306, "frame_timeout", true,
        "the rest of a frame did not arrive in time",
        "Check the network; send each frame without long pauses.";
    /// Messages were dropped when they were published, because the client does not read fast enough.
    DroppedNewest = 307, "dropped_newest", true,
        "messages were dropped, because the client did not read those before them in time",
        "Read faster, subscribe to less, or share the work in a queue group.";
    /// Messages that waited for the client were dropped to make room for newer ones.
    DroppedOldest = 308, "dropped_oldest", true,
        "messages that waited to be read were dropped to make room for newer ones",
        "Read faster, subscribe to less, or share the work in a queue group.";

    /// The name of the stream is taken.
    StreamExists = 400, "stream_exists", false,
        "there is a stream of this name",
        "Use that one, or choose another name.";
    /// There is no stream of this name.
    UnknownStream = 401, "unknown_stream", false,
        "there is no stream of this name",
        "Check its spelling and the namespace, or create it.";
    /// The stream has no partition of this index.
    UnknownPartition = 402, "unknown_partition", false,
        "the stream has no partition of this index",
        "`coilgun stream info` lists them; they are counted from 0.";
    /// There is no record at this offset, and none will be before others.
    OffsetOutOfRange = 403, "offset_out_of_range", false,
        "there is nothing at this offset",
        "Begin at one of the offsets that the partition has; what was there may have been deleted.";
    /// The append expected another offset.
    UnexpectedOffset = 404, "unexpected_offset", false,
        "the next offset is not the one that was expected",
        "Somebody else appended; read what is new and decide again.";
    /// The producer began anew since.
    ProducerFenced = 405, "producer_fenced", false,
        "this producer began anew elsewhere",
        "Stop this one: another one has its number and a later epoch.";
    /// The sequence is not the next one, and is no duplicate.
    SequenceGap = 406, "sequence_gap", false,
        "records before these are missing, or some of these are stored already",
        "Send the batches of a producer in order, and each again as it was.";
    /// The sequence comes before all that are remembered.
    SequenceForgotten = 407, "sequence_forgotten", false,
        "it is no longer known whether this batch was stored",
        "Do not send it again; read whether it is there.";
    /// Nothing is known of the producer, and this is not its first batch.
    UnknownProducer = 408, "unknown_producer", false,
        "nothing is known of this producer",
        "Begin with a new epoch at sequence 0; what it sent before may be stored.";
    /// There is no room at the moment.
    StreamBusy = 409, "stream_busy", true,
        "the partition has no room for this at the moment",
        "Try again a little later, and send less at once.";
    /// The disk is full.
    StorageFull = 410, "storage_full", true,
        "the broker has no room left on its disk",
        "Delete streams, shorten what they keep, or give the broker more room.";
    /// The append has its offsets, and may be stored or not.
    OutcomeUnknown = 411, "outcome_unknown", false,
        "it may or may not be stored",
        "Read whether it is there before sending it again, or send it again with the same sequence.";
    /// The end of the partition could not be proven.
    PartitionReadOnly = 412, "partition_read_only", false,
        "the partition is read only, because records at its end may be missing",
        "Have its log repaired; the broker says at its start which one.";
    /// The stream is gone.
    StreamDeleted = 413, "stream_deleted", false,
        "the stream was deleted",
        "Create it anew, or stop using it.";
    /// A record or the whole batch is larger than the limit, or has too many records.
    BatchTooLarge = 414, "batch_too_large", false,
        "the batch, or a record of it, is larger than the broker accepts",
        "Put fewer records into a batch, or split the payload.";
    /// The batch breaks its format.
    InvalidBatch = 415, "invalid_batch", false,
        "the batch is not what it is said to be",
        "This is a fault of the client library; docs/WIRE.md describes batches.";
    /// The bytes of the batch are not those that were sent or stored.
    CorruptRecords = 416, "corrupt_records", false,
        "the records do not match their checksum",
        "Check memory, disks and whatever stands between client and broker.";
    /// The broker has no streams, or they cannot be used now.
    StreamsUnavailable = 417, "streams_unavailable", false,
        "the broker has no streams, or its log has failed",
        "Use a broker with streams; if its log has failed, it says so, and must be started again.";
    /// There are as many streams as there may be.
    TooManyStreams = 418, "too_many_streams", false,
        "the broker has as many streams as it may",
        "Delete some, or use more partitions instead of more streams.";
    /// The number of the follower is in use.
    DuplicateFollow = 419, "duplicate_follow", false,
        "the number of this follower is in use",
        "Number the followers of a connection, each once.";
    /// The connection has no follower of this number.
    UnknownFollow = 420, "unknown_follow", false,
        "this connection has no follower of this number",
        "It has ended already, or never began.";
    /// The name is no valid name of a stream.
    InvalidStreamName = 421, "invalid_stream_name", false,
        "this is not a valid name of a stream",
        "A name follows the grammar of a subject, does not begin with $, and is at most 256 bytes long.";
    /// The stream would have too many partitions.
    TooManyPartitions = 422, "too_many_partitions", false,
        "a stream does not have as many partitions",
        "Ask for at most 4096.";
}

impl core::fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_order_and_reads_back() {
        for pair in ErrorCode::ALL.windows(2) {
            assert!(pair[0] < pair[1], "{} before {}", pair[0].name(), pair[1].name());
        }
        for code in ErrorCode::ALL {
            assert_eq!(ErrorCode::from_number(*code as u16), Some(*code));
        }
        assert_eq!(ErrorCode::from_number(99), None);
    }
}
