//! A message on its way out, as C fills it in.

use core::mem::size_of;

use coilgun_client::Publication;

use crate::bytes::{Bytes, HeaderParts};
use crate::caller::Caller;
use crate::failure::Failure;

/// What the target of a message is.
#[repr(i32)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TargetKind {
    /// A subject: the message goes to everybody who wants what is published to it.
    CoilgunToSubject = 0,
    /// The name of a client: the message goes to that client.
    CoilgunToName = 1,
    /// A mask over names: the message goes to every client whose name it matches. `*` stands for one
    /// token and `>` for the rest.
    CoilgunBroadcast = 2,
}

/// A message on its way out. All fields that are 0 is a message with nothing in it, so a program sets
/// everything to 0, `struct_size`, and what it needs; coilgun_publication() does the first two. Nothing
/// of it is kept beyond the call that takes it.
#[repr(C)]
#[derive(Debug)]
pub struct PublicationParts {
    /// sizeof(coilgun_publication_t), by which the library knows the version of the struct.
    pub struct_size: usize,
    /// What the target is, one of coilgun_target_kind_t.
    pub target_kind: i32,
    /// Not 0, in a reply: more replies to the same request follow this one.
    pub has_more: i32,
    /// Where it goes; empty in a reply, which goes where its request says.
    pub target: Bytes,
    /// The subject for replies; empty: none. A request has one of its own.
    pub reply: Bytes,
    /// The first header; NULL if there is none.
    pub headers: *const HeaderParts,
    /// How many headers there are.
    pub header_count: usize,
    /// The payload.
    pub payload: Bytes,
}

impl PublicationParts {
    /// The message to its target.
    pub(crate) fn publication<'a>(&self, caller: &'a Caller) -> Result<Publication<'a>, Failure> {
        let target = caller.bytes(self.target.data, self.target.length, "target")?;
        let publication = match self.target_kind {
            kind if kind == TargetKind::CoilgunToSubject as i32 => Publication::to(target),
            kind if kind == TargetKind::CoilgunToName as i32 => {
                Publication::to_name(caller.text(self.target.data, self.target.length, "target")?)
            }
            kind if kind == TargetKind::CoilgunBroadcast as i32 => Publication::broadcast(target),
            unknown => {
                let text = format!("there is no target_kind {unknown}; there are 0 to 2");
                return Err(Failure::argument(&text));
            }
        };
        self.fill(caller, publication)
    }

    /// Adds everything but the target.
    pub(crate) fn fill<'a>(
        &self,
        caller: &'a Caller,
        publication: Publication<'a>,
    ) -> Result<Publication<'a>, Failure> {
        let payload = caller.bytes(self.payload.data, self.payload.length, "payload")?;
        let mut publication = publication.with_payload(payload);
        if self.reply.length > 0 {
            let reply = caller.bytes(self.reply.data, self.reply.length, "reply")?;
            publication = publication.with_reply(reply);
        }
        for header in caller.list(self.headers, self.header_count, "headers")? {
            let name = caller.text(header.name.data, header.name.length, "name of a header")?;
            let value =
                caller.bytes(header.value.data, header.value.length, "value of a header")?;
            publication = publication.with_header(name, value)?;
        }
        Ok(if self.has_more == 0 { publication } else { publication.with_more() })
    }
}

/// Looks at a struct that C filled in, once it has said that it is as large as this one.
pub(crate) fn look_sized<'a, T>(
    caller: &'a Caller,
    parts: *const T,
    what: &str,
) -> Result<&'a T, Failure> {
    // The size is the first field of every such struct, whatever its version.
    let size = *caller.look(parts.cast::<usize>(), what)?;
    if size != size_of::<T>() {
        let expected = size_of::<T>();
        let text = format!("struct_size of {what} is {size}, and this library knows {expected}");
        return Err(Failure::argument(&text));
    }
    caller.look(parts, what)
}
