//! Keys of a configuration file that the broker does not know, with those that were probably meant.
//!
//! What is known is read from the configuration itself, as it is printed: a key that is added there
//! is known here.

use std::path::PathBuf;

use coilgun_protocol::model::SlowConsumerPolicy;
use coilgun_server::config::{
    Config, Elbus, ElbusClientConfig, Guests, ListenerConfig, Protocol, RulesConfig, UserConfig,
};
use coilgun_server::shard::PlacementPolicy;
use toml::de::{DeTable, DeValue};
use toml::{Spanned, Table, Value};

use crate::configuration::to_toml;

/// How alike two words have to be for one to be taken for the other, from 0 to 1.
const LIKENESS_MIN: f64 = 0.8;

/// A key whose value is a name.
struct Named {
    key: &'static str,
    /// What it is the name of.
    kind: &'static str,
    names: Vec<&'static str>,
}

impl Named {
    /// All of them.
    fn all() -> [Named; 4] {
        let policies = SlowConsumerPolicy::ALL.map(SlowConsumerPolicy::name).to_vec();
        let guests = Guests::ALL.map(Guests::name).to_vec();
        let placements = PlacementPolicy::ALL.map(PlacementPolicy::name).to_vec();
        let protocols = Protocol::ALL.map(Protocol::name).to_vec();
        [
            Named { key: "protocol", kind: "protocol", names: protocols },
            Named { key: "slow_consumer", kind: "policy", names: policies },
            Named { key: "guests", kind: "rule for guests", names: guests },
            Named { key: "placement", kind: "placement", names: placements },
        ]
    }

    /// What is wrong with the value of the key, if it is a name and none of these.
    fn unknown(&self, value: &Spanned<DeValue<'_>>) -> Option<Unknown> {
        let name = value.get_ref().as_str()?;
        if self.names.contains(&name) {
            return None;
        }
        let reason = format!("there is no {} `{name}`, only {}", self.kind, self.names.join(", "));
        let help = match nearest(name, self.names.iter().copied()) {
            Some(meant) => format!("Did you mean `{meant}`?"),
            None => "coilgun serve --help says what each of them does.".to_owned(),
        };
        Some(Unknown { at: value.span().start, reason, help })
    }
}

/// Something in a file that the broker does not know.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Unknown {
    /// Where it stands, in bytes from the beginning of the file.
    pub(crate) at: usize,
    /// What is wrong.
    pub(crate) reason: String,
    /// What to write instead.
    pub(crate) help: String,
}

/// Finds the first key, section or name in a file that the broker does not know. Finds nothing in a
/// text that is no TOML.
pub(crate) fn first_unknown(text: &str) -> Option<Unknown> {
    let file = DeTable::parse(text).ok()?;
    let sections = Section::all();
    let mut found = Vec::new();
    let top = &sections[0];
    for (key, value) in file.get_ref() {
        let inner = sections.iter().find(|section| section.name == key.get_ref().as_ref());
        match inner {
            Some(section) => section.check(&sections, key, value, &mut found),
            None if is_section(value.get_ref()) => found.push(unknown_section(&sections, key)),
            None => top.check_key(&sections, key, value, &mut found),
        }
    }
    found.into_iter().min_by_key(|unknown| unknown.at)
}

type Key<'a> = Spanned<std::borrow::Cow<'a, str>>;

/// A section of the configuration, or what stands above all of them.
struct Section {
    /// Empty: above the first section.
    name: String,
    /// There may be several of it.
    is_list: bool,
    keys: Vec<String>,
}

impl Section {
    /// What stands above the first section, and then every section.
    fn all() -> Vec<Section> {
        let everything = Table::try_from(everything()).expect("a configuration is a table");
        let keys = |table: &Table| table.keys().cloned().collect::<Vec<_>>();
        let mut top = Section { name: String::new(), is_list: false, keys: Vec::new() };
        let mut sections = Vec::new();
        for (name, value) in &everything {
            let list = value.as_array().and_then(|array| array.first());
            match (value.as_table(), list.and_then(Value::as_table)) {
                (Some(table), _) => {
                    let name = name.clone();
                    sections.push(Section { name, is_list: false, keys: keys(table) });
                }
                (None, Some(table)) => {
                    let name = name.clone();
                    sections.push(Section { name, is_list: true, keys: keys(table) });
                }
                (None, None) => top.keys.push(name.clone()),
            }
        }
        sections.insert(0, top);
        sections
    }

    fn has(&self, key: &str) -> bool {
        self.keys.iter().any(|known| known == key)
    }

    /// As it is written in a file.
    fn title(&self) -> String {
        match (self.name.as_str(), self.is_list) {
            ("", _) => "the top, above the first section".to_owned(),
            (name, false) => format!("[{name}]"),
            (name, true) => format!("[[{name}]]"),
        }
    }

    /// Looks through what stands in a file under the name of this section.
    fn check(
        &self,
        sections: &[Section],
        name: &Key<'_>,
        value: &Spanned<DeValue<'_>>,
        found: &mut Vec<Unknown>,
    ) {
        let value = value.get_ref();
        let tables: Vec<&DeTable<'_>> = match (value.as_table(), value.as_array()) {
            (Some(table), _) if !self.is_list => vec![table],
            (_, Some(array)) if self.is_list => {
                array.iter().filter_map(|it| it.get_ref().as_table()).collect()
            }
            (_, _) => {
                let kind = if self.is_list { "a list of sections" } else { "a section" };
                found.push(Unknown {
                    at: name.span().start,
                    reason: format!("`{}` is {kind}", self.name),
                    help: format!("Write {} above its keys.", self.title()),
                });
                return;
            }
        };
        for (key, value) in tables.into_iter().flatten() {
            self.check_key(sections, key, value, found);
        }
    }

    fn check_key(
        &self,
        sections: &[Section],
        key: &Key<'_>,
        value: &Spanned<DeValue<'_>>,
        found: &mut Vec<Unknown>,
    ) {
        let name = key.get_ref().as_ref();
        if !self.has(name) {
            let place = if self.name.is_empty() {
                "above the first section".to_owned()
            } else {
                format!("in {}", self.title())
            };
            found.push(Unknown {
                at: key.span().start,
                reason: format!("there is no key `{name}` {place}"),
                help: self.help_for(sections, name),
            });
        } else if let Some(named) = Named::all().iter().find(|named| named.key == name) {
            found.extend(named.unknown(value));
        }
    }

    /// What to write instead of a key that this section does not have.
    fn help_for(&self, sections: &[Section], key: &str) -> String {
        let homes = sections.iter().filter(|section| section.has(key));
        let homes: Vec<_> = homes.map(Section::title).collect();
        if !homes.is_empty() {
            return format!("`{key}` belongs to {}.", homes.join(" or to "));
        }
        if let Some(meant) = nearest(key, self.keys.iter().map(String::as_str)) {
            return format!("Did you mean `{meant}`? {EVERY_KEY}");
        }
        let elsewhere = sections.iter().flat_map(|section| &section.keys).map(String::as_str);
        let Some(meant) = nearest(key, elsewhere) else { return EVERY_KEY.to_owned() };
        let homes = sections.iter().filter(|section| section.has(meant));
        let homes: Vec<_> = homes.map(Section::title).collect();
        format!("Did you mean `{meant}`? It belongs to {}.", homes.join(" or to "))
    }
}

/// Where to read more.
pub(crate) const EVERY_KEY: &str = "coilgun serve --print-config prints every key with its value.";

/// A configuration in which no key is absent.
fn everything() -> Table {
    let listener = ListenerConfig {
        address: String::new(),
        protocol: Protocol::default(),
        slow_consumer: Some(SlowConsumerPolicy::default()),
        backpressure_ms: Some(0),
    };
    let unix = Some(PathBuf::new());
    let rules = Some(RulesConfig::default());
    let user = UserConfig {
        name: String::new(),
        password_hash: Some(String::new()),
        password_hash_file: Some(PathBuf::new()),
        namespaces: Vec::new(),
        publish: rules.clone(),
        subscribe: rules.clone(),
        request: rules.clone(),
    };
    let client = ElbusClientConfig {
        name: String::new(),
        hosts: Some(Vec::new()),
        peers: rules.clone(),
        publish: rules.clone(),
        subscribe: rules.clone(),
        broadcast: rules,
    };
    let elbus = Elbus {
        slow_consumer: Some(SlowConsumerPolicy::default()),
        backpressure_ms: Some(0),
        ..Elbus::default()
    };
    let (listeners, users, elbus_clients) = (vec![listener], vec![user], vec![client]);
    let config = Config { unix, elbus, listeners, users, elbus_clients, ..Config::default() };
    to_toml(&config).parse().expect("what is printed is TOML")
}

fn is_section(value: &DeValue<'_>) -> bool {
    let first = value.as_array().and_then(|array| array.first());
    value.is_table() || first.is_some_and(|it| it.get_ref().is_table())
}

fn unknown_section(sections: &[Section], name: &Key<'_>) -> Unknown {
    let meant = nearest(name.get_ref(), sections.iter().map(|it| it.name.as_str()));
    let meant = meant.and_then(|meant| sections.iter().find(|section| section.name == meant));
    let known: Vec<_> = sections[1..].iter().map(Section::title).collect();
    let help = match meant {
        Some(section) => format!("Did you mean {}? {EVERY_KEY}", section.title()),
        None => format!("The sections are {}.", known.join(", ")),
    };
    let reason = format!("there is no section `{}`", name.get_ref());
    Unknown { at: name.span().start, reason, help }
}

/// The known word that is most like `word`, if one is alike enough. A hyphen counts as an underscore.
fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |word: &str| word.to_lowercase().replace('-', "_");
    let word = plain(word);
    let rated = known.map(|it| (likeness(&word, &plain(it)), it));
    let (likeness, meant) = rated.max_by(|(a, _), (b, _)| a.total_cmp(b))?;
    (likeness >= LIKENESS_MIN).then_some(meant)
}

/// How alike two words are, from 0 to 1. Those with the same parts in another order, or with parts
/// left out, are alike enough.
fn likeness(word: &str, known: &str) -> f64 {
    let letters = strsim::jaro_winkler(word, known);
    let mut parts = word.split('_');
    if word.contains('_') && parts.all(|part| known.split('_').any(|it| it == part)) {
        return LIKENESS_MIN + (1.0 - LIKENESS_MIN) * letters;
    }
    letters
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_of_the_configuration_is_known() {
        let text = toml::to_string(&everything()).expect("it is TOML");
        assert_eq!(first_unknown(&text), None);
        let sections = Section::all();
        let titles: Vec<_> = sections[1..].iter().map(Section::title).collect();
        assert_eq!(
            titles,
            [
                "[elbus]",
                "[[elbus_client]]",
                "[limits]",
                "[[listener]]",
                "[log]",
                "[timing]",
                "[[user]]",
            ]
        );
        assert!(sections[0].has("data") && sections[0].has("unix"));
        assert!(sections.iter().all(|section| section.keys.len() >= 2));
    }

    #[test]
    fn the_first_mistake_of_a_file_is_found() {
        let text = "[timing]\ndrain = 1\n[limits]\nconnections = 1\n";
        assert_eq!(first_unknown(text).map(|unknown| unknown.at), Some(9));
    }

    #[test]
    fn words_are_alike_or_not() {
        let known = || ["payload_bytes_max", "headers_bytes_max", "copy_bytes_max"].into_iter();
        let words = ["payload_bytes_mx", "payload-max", "max_payload", "Payload_Bytes_Max"];
        for word in words {
            assert_eq!(nearest(word, known()), Some("payload_bytes_max"), "{word}");
        }
        assert_eq!(nearest("quux", known()), None);
    }
}
