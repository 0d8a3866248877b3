//! How a record is printed.

use coilgun_client::StoredRecord;
use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::output::{HeaderRecord, Style, bytes_entry, escaped};

/// A record as a line, or as it is.
pub(super) fn line(record: &StoredRecord, style: Style) -> Vec<u8> {
    let mut line = match style {
        Style::Line => {
            let key = escaped(record.key().unwrap_or_default());
            let (partition, offset) = (record.partition(), record.offset());
            format!("{partition}\t{offset}\t{key}\t{}", escaped(record.payload())).into_bytes()
        }
        Style::Json => serde_json::to_vec(&Json(record)).expect("texts and numbers are JSON"),
        Style::Raw | Style::Exact => record.payload().to_vec(),
    };
    line.push(b'\n');
    line
}

/// A record as a JSON object. What the record does not have, the object does not have either.
struct Json<'a>(&'a StoredRecord);

impl Serialize for Json<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let record = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("partition", &record.partition())?;
        map.serialize_entry("offset", &record.offset().0)?;
        map.serialize_entry("append_time_ms", &record.append_time().0)?;
        if record.producer_time().0 != 0 {
            map.serialize_entry("producer_time_ms", &record.producer_time().0)?;
        }
        if let Some(key) = record.key() {
            bytes_entry(&mut map, "key", key)?;
        }
        let headers: Vec<_> = record.headers().iter().map(HeaderRecord).collect();
        if !headers.is_empty() {
            map.serialize_entry("headers", &headers)?;
        }
        bytes_entry(&mut map, "payload", record.payload())?;
        map.end()
    }
}
