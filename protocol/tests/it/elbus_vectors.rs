//! The bytes of real clients of elbus, read and written.

use coilgun_protocol::elbus::{
    ElbusConfig, ElbusSession, GREETING, Operation, PING, Qos, RpcFrame, ServerFrame, ServerKind,
    ServerReading, encode_frame, encode_rpc, read_rpc, read_server_frame,
};

use crate::harness::Harness;

/// The lines of the file, as words and bytes.
fn vectors() -> Vec<(Vec<String>, Vec<u8>)> {
    let text = include_str!("../vectors/elbus.txt");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let vector = |line: &str| {
        let (words, hex) = line.split_once(": ").expect("a line has words and bytes");
        (words.split(' ').map(str::to_owned).collect(), bytes(hex))
    };
    lines.map(vector).collect()
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<char> = hex.chars().filter(|digit| !digit.is_whitespace()).collect();
    let byte = |pair: &[char]| {
        let text: String = pair.iter().collect();
        u8::from_str_radix(&text, 16).expect("two digits a byte")
    };
    digits.chunks(2).map(byte).collect()
}

fn number<T: std::str::FromStr>(word: &str) -> T {
    word.parse().ok().expect("a number")
}

fn qos(word: &str) -> Qos {
    match word {
        "qos0" => Qos::NO,
        "qos1" => Qos::PROCESSED,
        "qos2" => Qos::REALTIME,
        "qos3" => Qos::REALTIME_PROCESSED,
        other => panic!("there is no {other}"),
    }
}

/// What our own encoder makes of the words.
fn encoded(words: &[&str]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut frame = |op_id: &str, operation, qos_word: &str, parts: &[&[u8]]| {
        encode_frame(number(op_id), operation, qos(qos_word), parts, &mut out);
    };
    match *words {
        ["greeting", "both"] => return GREETING.to_vec(),
        ["client", "ping"] => return PING.to_vec(),
        ["name", name] => {
            return [&(name.len() as u16).to_le_bytes(), name.as_bytes()].concat();
        }
        ["client", "subscribe", op_id, qos, topics] => {
            let topics: Vec<&[u8]> = topics.split('|').map(str::as_bytes).collect();
            frame(op_id, Operation::Subscribe, qos, &topics);
        }
        ["client", operation @ ("message" | "broadcast" | "publish"), op_id, qos, parts] => {
            let operation = match operation {
                "message" => Operation::Message,
                "broadcast" => Operation::Broadcast,
                _ => Operation::Publish,
            };
            let parts: Vec<&[u8]> = parts.split('|').map(str::as_bytes).collect();
            frame(op_id, operation, qos, &parts);
        }
        ["client", "call", op_id, qos, target, call_id, call] => {
            let (method, params) = call.split_once('|').expect("a method and parameters");
            let (method, params) = (method.as_bytes(), params.as_bytes());
            let call = RpcFrame::Request { call_id: number(call_id), method, params };
            frame(op_id, Operation::Message, qos, &[target.as_bytes(), &payload(&call)]);
        }
        ["client", "notify", op_id, qos, target, text] => {
            let payload = payload(&RpcFrame::Notification(text.as_bytes()));
            frame(op_id, Operation::Message, qos, &[target.as_bytes(), &payload]);
        }
        _ => panic!("no client says {words:?}"),
    }
    out
}

fn payload(call: &RpcFrame<'_>) -> Vec<u8> {
    let mut payload = Vec::new();
    encode_rpc(call, &mut payload);
    assert_eq!(read_rpc(&payload), Some(*call), "it reads back");
    payload
}

#[test]
fn what_real_clients_send_is_what_we_would_send() {
    let mut compared = 0;
    for (words, expected) in vectors() {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        if words[0] != "server" {
            assert_eq!(encoded(&words), expected, "{words:?}");
            compared += 1;
        }
    }
    assert!(compared >= 11, "the file has them all");
}

#[test]
fn what_real_clients_accept_is_read() {
    let mut compared = 0;
    for (words, bytes) in vectors() {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let expected = match words[..] {
            ["server", "ping"] => ServerFrame::Ping,
            ["server", "ack", op_id, "01"] => ServerFrame::Ack { op_id: number(op_id), code: 1 },
            ["server", "message", realtime, sender, "reply", call_id, hex] => {
                let text = self::bytes(hex);
                let reply = payload(&RpcFrame::Reply { call_id: number(call_id), payload: &text });
                assert!(bytes.ends_with(&reply), "the payload is a reply");
                ServerFrame::Message {
                    kind: ServerKind::Message,
                    realtime: realtime == "1",
                    sender: sender.as_bytes(),
                    topic: None,
                    payload: &bytes[bytes.len() - reply.len()..],
                }
            }
            _ => continue,
        };
        assert_eq!(read_server_frame(&bytes, 64), ServerReading::Frame(expected, bytes.len()));
        for len in 0..bytes.len() {
            let cut = read_server_frame(&bytes[..len], 64);
            assert!(matches!(cut, ServerReading::Incomplete(need) if need > len), "{words:?}");
        }
        compared += 1;
    }
    assert_eq!(compared, 4, "the file has them all");
}

/// What the broker makes of everything a client says, in one go and byte by byte.
#[test]
fn what_real_clients_send_becomes_commands() {
    let said: Vec<u8> = vectors()
        .into_iter()
        .filter(|(words, _)| words[0] != "server")
        .flat_map(|(_, it)| it)
        .collect();
    let whole = commands(&said, said.len());
    let expected = [
        r#"open namespace="" name="a.b" user="" secret="" flags=6"#,
        r#"subscribe subscription=1 filter="%2Ebroker.warn" group="" ticket=34359738368"#,
        r#"subscribe subscription=2 filter="x.>""#,
        r#"subscribe subscription=3 filter="y.*""#,
        r#"subscribe subscription=4 filter="a.>" group="" ticket=25769803777"#,
        r#"subscribe subscription=5 filter="b""#,
        "barrier token=42949672961",
        r#"publish subject="$NAME.a.c" reply="" headers="" payload="hi" ticket=8589934594"#,
        r#"publish subject="a.>" reply="" headers="" payload="hi" ticket=0"#,
        r#"publish subject="x.1" reply="" headers="" payload="z" ticket=21474836484"#,
        r#"publish subject="$NAME.%00.broker" reply="" headers="" payload="\x01\x01\x00\x00\x00test\x00""#,
        r#"publish subject="$NAME.%00.broker" reply="" headers="" payload="\x01\x00\x00\x00\x00t\x00p""#,
        r#"publish subject="$NAME.a.c" reply="" headers="" payload="\x00n""#,
    ];
    assert_eq!(whole.len(), expected.len(), "{whole:#?}");
    for (line, expected) in whole.iter().zip(expected) {
        assert!(line.starts_with(expected), "{line}\nis not\n{expected}");
    }
    assert_eq!(commands(&said, 1), whole, "where the bytes are cut does not matter");
}

/// The commands of what is said in pieces.
fn commands(said: &[u8], piece_bytes: usize) -> Vec<String> {
    let mut harness = Harness::with(ElbusSession::new(ElbusConfig::default()));
    let (mut kept, mut lines) = (Vec::new(), Vec::new());
    for piece in said.chunks(piece_bytes) {
        kept.extend_from_slice(piece);
        let consumed = harness.feed(&kept).expect("real clients break nothing");
        lines.extend(harness.take_commands(&kept));
        kept.drain(..consumed.bytes);
    }
    assert!(kept.is_empty(), "nothing is left");
    lines
}
