//! The boundary from outside: the header, the symbols, programs in C, and what cannot be done.

mod arguments;
mod broker;
mod compiler;
mod header;
mod programs;
mod threads;
