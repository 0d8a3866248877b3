//! What a client is told about what it asked for.

/// One byte of a handshake or an acknowledgement. Numbers are those of elbus.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum ResultCode {
    /// Done.
    Ok = 0x01,
    /// Nobody has this name.
    NotRegistered = 0x71,
    /// What was said cannot be: a name without letters, for example.
    Data = 0x72,
    /// Input or output failed; a broker does not say it.
    Io = 0x73,
    /// Something else.
    Other = 0x74,
    /// The other side does not speak this protocol, or not this version of it.
    NotSupported = 0x75,
    /// Somebody has this name already.
    Busy = 0x76,
    /// The receiver did not take it in, and was cut off.
    NotDelivered = 0x77,
    /// It took too long.
    Timeout = 0x78,
    /// It is not allowed.
    Access = 0x79,
}

impl ResultCode {
    /// Every code there is.
    pub const ALL: [ResultCode; 10] = [
        ResultCode::Ok,
        ResultCode::NotRegistered,
        ResultCode::Data,
        ResultCode::Io,
        ResultCode::Other,
        ResultCode::NotSupported,
        ResultCode::Busy,
        ResultCode::NotDelivered,
        ResultCode::Timeout,
        ResultCode::Access,
    ];

    /// The code with this number, if there is one.
    #[must_use]
    pub fn from_number(number: u8) -> Option<ResultCode> {
        ResultCode::ALL.into_iter().find(|code| *code as u8 == number)
    }

    /// What it says, for a person.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            ResultCode::Ok => "done",
            ResultCode::NotRegistered => "nobody has this name",
            ResultCode::Data => "invalid data",
            ResultCode::Io => "input or output failed",
            ResultCode::Other => "it failed",
            ResultCode::NotSupported => "not supported",
            ResultCode::Busy => "the name is taken",
            ResultCode::NotDelivered => "not delivered",
            ResultCode::Timeout => "it took too long",
            ResultCode::Access => "access denied",
        }
    }
}

impl core::fmt::Display for ResultCode {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.text())
    }
}
