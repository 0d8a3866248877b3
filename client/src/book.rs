//! The code of the book, which runs as tests of this documentation.

#[doc = include_str!("../../docs/book/src/clients.md")]
struct Clients;

#[doc = include_str!("../../docs/book/src/embedding.md")]
struct Embedding;

#[doc = include_str!("../../docs/book/src/moving-from-busrt.md")]
struct MovingFromBusrt;

#[doc = include_str!("../../docs/book/src/services.md")]
struct Services;

#[doc = include_str!("../../docs/book/src/streams.md")]
struct Streams;

#[doc = include_str!("../../docs/book/src/users.md")]
struct Users;
