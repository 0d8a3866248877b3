//! What `.broker` answers, as MessagePack: maps whose keys are texts, in the order of busrt.

use coilgun_protocol::session::Traffic;
use regex::Regex;
use serde::Serialize;

use super::clients::ClientRow;

/// `{"ok": true}`
pub(super) const OK: &[u8] = &[0x81, 0xa2, 0x6f, 0x6b, 0xc3];

#[derive(Serialize)]
struct Info {
    author: &'static str,
    version: &'static str,
}

#[derive(Serialize)]
struct Stats {
    uptime: u64,
    r_frames: u64,
    r_bytes: u64,
    w_frames: u64,
    w_bytes: u64,
}

#[derive(Serialize)]
struct ClientList {
    clients: Vec<ClientInfo>,
}

#[derive(Serialize)]
struct ClientInfo {
    name: String,
    kind: &'static str,
    source: Option<String>,
    port: Option<String>,
    r_frames: u64,
    r_bytes: u64,
    w_frames: u64,
    w_bytes: u64,
    queue: u64,
    instances: u64,
}

/// Who made this broker, and its version.
pub(super) fn info() -> Vec<u8> {
    let info = Info { author: "the authors of Coilgun", version: env!("CARGO_PKG_VERSION") };
    encoded(&info)
}

/// How long the broker runs, in seconds, and what it has taken in and said.
pub(super) fn stats(uptime_s: u64, traffic: Traffic) -> Vec<u8> {
    encoded(&Stats {
        uptime: uptime_s,
        r_frames: traffic.frames_in,
        r_bytes: traffic.bytes_in,
        w_frames: traffic.frames_out,
        w_bytes: traffic.bytes_out,
    })
}

/// The primaries among all clients whose names match, by their names, the broker itself among them.
pub(super) fn client_list(rows: Vec<ClientRow>, filter: Option<&Regex>) -> Vec<u8> {
    let mut rows = rows;
    rows.push(ClientRow::of_the_broker());
    rows.sort_unstable_by(|one, other| one.name.cmp(&other.name));
    let mut clients: Vec<ClientInfo> = Vec::new();
    for row in rows.iter().filter(|row| row.primary.is_none()) {
        if filter.is_none_or(|filter| filter.is_match(&row.name)) {
            clients.push(client_info(row));
        }
    }
    for row in &rows {
        let Some(primary) = &row.primary else { continue };
        if let Ok(at) = clients.binary_search_by(|client| client.name.cmp(primary)) {
            clients[at].instances += 1;
        }
    }
    encoded(&ClientList { clients })
}

fn client_info(row: &ClientRow) -> ClientInfo {
    ClientInfo {
        name: row.name.clone(),
        kind: row.kind.name(),
        source: row.source.clone(),
        port: row.port.clone(),
        r_frames: row.traffic.r_frames,
        r_bytes: row.traffic.r_bytes,
        w_frames: row.traffic.w_frames,
        w_bytes: row.traffic.w_bytes,
        queue: row.queue,
        instances: 1,
    }
}

fn encoded(value: &impl Serialize) -> Vec<u8> {
    rmp_serde::to_vec_named(value).expect("texts and numbers are MessagePack")
}

#[cfg(test)]
mod tests {
    use super::super::clients::{Counted, Kind};
    use super::*;

    fn row(name: &str, primary: Option<&str>) -> ClientRow {
        ClientRow {
            name: name.to_owned(),
            primary: primary.map(str::to_owned),
            kind: Kind::Tcp,
            source: Some("127.0.0.1:5".to_owned()),
            port: None,
            traffic: Counted { r_frames: 1, r_bytes: 200, w_frames: 3, w_bytes: 70_000 },
            queue: 0,
        }
    }

    #[test]
    fn golden_results() {
        assert_eq!(OK, b"\x81\xa2ok\xc3");
        let traffic = Traffic { frames_in: 1, bytes_in: 128, frames_out: 256, bytes_out: 65_536 };
        assert_eq!(
            stats(5, traffic),
            b"\x85\xa6uptime\x05\xa8r_frames\x01\xa7r_bytes\xcc\x80\xa8w_frames\xcd\x01\x00\
              \xa7w_bytes\xce\x00\x01\x00\x00"
        );
        assert!(info().starts_with(b"\x82\xa6author\xb6the authors of Coilgun\xa7version\xa5"));
        let only = Regex::new("^b$").expect("a pattern");
        assert_eq!(
            client_list(vec![row("b", None), row("a", None)], Some(&only)),
            b"\x81\xa7clients\x91\x8a\xa4name\xa1b\xa4kind\xa3tcp\xa6source\xab127.0.0.1:5\
              \xa4port\xc0\xa8r_frames\x01\xa7r_bytes\xcc\xc8\xa8w_frames\x03\
              \xa7w_bytes\xce\x00\x01\x11\x70\xa5queue\x00\xa9instances\x01"
        );
    }

    #[test]
    fn clients_are_in_order_with_the_broker_and_their_secondaries_counted() {
        let rows =
            vec![row("b%%1", Some("b")), row("z", None), row("b", None), row("b%%2", Some("b"))];
        let list = client_list(rows, None);
        let list: serde_json::Value = rmp_serde::from_slice(&list).expect("it is MessagePack");
        let found: Vec<(&str, &str, u64)> = list["clients"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|it| {
                let text = |key| it[key].as_str().expect("a text");
                (text("name"), text("kind"), it["instances"].as_u64().expect("a number"))
            })
            .collect();
        assert_eq!(found, [(".broker", "internal", 1), ("b", "tcp", 3), ("z", "tcp", 1)]);
    }
}
