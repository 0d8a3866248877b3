//! What the broker is asked to do beside an operation.

use coilgun_protocol::elbus::Qos;

/// Whether an operation is acknowledged, and whether it is in a hurry.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum QoS {
    /// No acknowledgement.
    No,
    /// The broker acknowledges.
    Processed,
    /// No acknowledgement, and nothing waits for more to send.
    Realtime,
    /// The broker acknowledges, and nothing waits for more to send.
    RealtimeProcessed,
}

impl From<QoS> for Qos {
    fn from(qos: QoS) -> Qos {
        match qos {
            QoS::No => Qos::NO,
            QoS::Processed => Qos::PROCESSED,
            QoS::Realtime => Qos::REALTIME,
            QoS::RealtimeProcessed => Qos::REALTIME_PROCESSED,
        }
    }
}
