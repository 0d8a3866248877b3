//! What can be said on the command line, and the help that teaches it.
//!
//! What it does: names every command, flag and environment variable, and reads them into values.
//! What it never does: it opens nothing and carries nothing out.

mod busrtd;
mod client;
mod log;
mod publish;
mod reply;
mod request;
mod serve;
mod service;
mod stream;
mod subscribe;
mod top;
mod user;
mod values;

pub(crate) use busrtd::{BusrtdArguments, FRAME_BYTES};
pub(crate) use client::ClientArguments;
pub(crate) use log::{DumpArguments, LogArguments, LogCommand, RepairArguments, VerifyArguments};
pub(crate) use publish::PublishArguments;
pub(crate) use reply::ReplyArguments;
pub(crate) use request::RequestArguments;
pub(crate) use serve::ServeArguments;
pub(crate) use service::{QueryArguments, ServiceArguments, ServiceCommand};
pub(crate) use stream::{
    AppendArguments, CreateArguments, ListArguments, NamedArguments, ReadArguments,
    SelectArguments, StreamArguments, StreamCommand, TailArguments,
};
pub(crate) use subscribe::SubscribeArguments;
pub(crate) use top::{Arguments, Command};
pub(crate) use user::{HashArguments, UserArguments, UserCommand};
pub(crate) use values::{BindArgument, HeaderArgument, ListenArgument, UnixArgument};
