//! Messages that another shard published: what it decided is carried out here (law S14).

use coilgun_protocol::model::{ClientId, ErrorCode, Filter, NamespaceId, Subject};

use super::plan::{Plan, RouteHint, Settlement};
use super::planning::named;
use super::queue_group::Choice;
use super::state::Router;
use crate::mutant::{self, Mutant};

/// A message that another shard passed on to this one, and what this one shall do with it.
#[derive(Clone, Debug)]
pub struct Arrival<'a> {
    /// Where it was published.
    pub namespace: NamespaceId,
    /// To what.
    pub subject: &'a [u8],
    /// Whether subscriptions outside of queue groups, and the client that is meant by name, get it.
    pub is_plain: bool,
    /// Whether those get it, or got it, in another arrival of the same message. Then clients that want
    /// each message once and are among them get it for no queue group. Says nothing if `is_plain`.
    pub plain_went: bool,
    /// The name of the client that alone gets it, with its secondaries, of those who subscribe.
    pub only_to: Option<&'a [u8]>,
    /// The queue groups of which one member of this shard gets it.
    pub groups: GroupNames<'a>,
}

/// Names of queue groups in a run of bytes: for each the length, 16 bits, least significant byte
/// first, then the name. A run that is not made like that ends the names where it is broken.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct GroupNames<'a> {
    bytes: &'a [u8],
}

impl<'a> GroupNames<'a> {
    /// The names in these bytes.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> GroupNames<'a> {
        GroupNames { bytes }
    }

    /// Adds a name to a run of bytes.
    ///
    /// # Panics
    /// If the name has more than 65,535 bytes, which no queue group's has.
    pub fn push(bytes: &mut Vec<u8>, name: &[u8]) {
        let len = u16::try_from(name.len()).expect("names of queue groups are shorter");
        bytes.extend_from_slice(&len.to_le_bytes());
        bytes.extend_from_slice(name);
    }
}

impl<'a> Iterator for GroupNames<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (len, rest) = self.bytes.split_first_chunk()?;
        let (name, rest) = rest.split_at_checked(usize::from(u16::from_le_bytes(*len)))?;
        self.bytes = rest;
        Some(name)
    }
}

impl Router {
    /// Writes into `plan` which clients of this shard get a message that another shard passed on,
    /// and which queue groups go back to it because nobody is left here ([`Plan::bounced`]). No other
    /// shard is ever in the plan, and no queue group that was not named. `hint` belongs to whatever
    /// the messages come in by. Carried out with [`Router::commit`].
    ///
    /// # Errors
    /// [`ErrorCode::InvalidSubject`]; the plan is empty then.
    pub fn plan_arrival(
        &mut self,
        arrival: &Arrival<'_>,
        hint: &mut RouteHint,
        mut has_room: impl FnMut(ClientId) -> bool,
        plan: &mut Plan,
    ) -> Result<(), ErrorCode> {
        let Arrival { namespace, subject, is_plain, plain_went, .. } = *arrival;
        plan.clear(self.revision);
        if !self.trie.is_open(namespace) {
            Subject::parse(subject).map_err(|_| ErrorCode::InvalidSubject)?;
            plan.bounced.extend(numbered(&arrival.groups).map(|(place, _)| place));
            plan.settlement = Settlement::Everything;
            return Ok(());
        }
        self.locate(namespace, subject, hint)?;
        let route = self.route_in(hint.slot);
        let is_for_all = is_plain && arrival.only_to.is_none();
        if route.prepared && is_for_all && arrival.groups.clone().next().is_none() {
            plan.targets.extend_from_slice(&route.plain);
            plan.settlement = Settlement::Deliveries;
            return Ok(());
        }
        let mut planner = self.planner(hint.slot, None, plan);
        if is_plain {
            planner.plain_of(arrival.only_to);
        } else if plain_went {
            planner.mark_plain();
        }
        for (number, name) in numbered(&arrival.groups) {
            let choice = match planner.place_of(namespace, name) {
                Some(place) => planner.arrived(place, &mut has_room),
                None => Choice::Nobody,
            };
            match choice {
                Choice::Member(_) | Choice::Full(_) => {}
                Choice::Starved => {
                    planner.plan.bounced.push(number);
                    planner.plan.bounced_starved.push(number);
                }
                Choice::Nobody => planner.plan.bounced.push(number),
            }
        }
        if mutant::is_active(Mutant::RemoteGroupPick) {
            planner.arrived_everywhere(&arrival.groups, &mut has_room);
        }
        planner.plan.settlement = Settlement::Everything;
        Ok(())
    }

    /// Writes into `plan` which clients of this shard get a broadcast that another shard passed on.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidFilter`]; the plan is empty then.
    pub fn plan_arrived_broadcast(
        &mut self,
        namespace: NamespaceId,
        name_filter: &[u8],
        plan: &mut Plan,
    ) -> Result<(), ErrorCode> {
        plan.clear(self.revision);
        let filter = Filter::parse(name_filter).map_err(|_| ErrorCode::InvalidFilter)?;
        if self.trie.is_open(namespace) {
            let matching = self.directory.matching(namespace, filter);
            plan.targets.extend(matching.filter_map(|known| known.local).map(named));
        }
        Ok(())
    }
}

/// The names with their places.
fn numbered<'a>(groups: &GroupNames<'a>) -> impl Iterator<Item = (u16, &'a [u8])> {
    (0..=u16::MAX).zip(groups.clone())
}

#[cfg(test)]
mod tests {
    use coilgun_protocol::model::{SlowConsumer, SubscriptionId, Visibility};

    use super::super::client::ClientAttributes;
    use super::super::limits::RouterLimits;
    use super::super::membership::Subscription;
    use super::super::route::LOOKS;
    use super::*;

    /// How many groups are looked at when a message arrives for all of so many.
    fn looks_for(group_count: u64) -> usize {
        let limits = RouterLimits { queue_groups_per_shard: usize::MAX, ..RouterLimits::default() };
        let mut router = Router::new([1, 2, 3, 4], limits);
        let client = ClientId { slot: 0, generation: 0 };
        router.add_client(client, ClientAttributes::default());
        let mut names = Vec::new();
        for number in 0..group_count {
            let group = number.to_string();
            GroupNames::push(&mut names, group.as_bytes());
            let wanted = Subscription {
                id: SubscriptionId(1 + number),
                filter: b"a",
                group: group.as_bytes(),
                credit: u32::MAX,
                deliveries_max: 0,
                visibility: Visibility::ALL,
                slow_consumer: SlowConsumer::default(),
            };
            assert_eq!(router.subscribe(client, wanted), Ok(()));
        }
        let arrival = Arrival {
            namespace: NamespaceId::DEFAULT,
            subject: b"a",
            is_plain: false,
            plain_went: false,
            only_to: None,
            groups: GroupNames::new(&names),
        };
        let (hint, plan) = (&mut RouteHint::default(), &mut Plan::default());
        let before = LOOKS.get();
        assert_eq!(router.plan_arrival(&arrival, hint, |_| true, plan), Ok(()));
        assert_eq!(plan.targets().len() as u64, group_count);
        LOOKS.get() - before
    }

    #[test]
    fn s14_s23_a_group_is_found_in_few_looks_among_however_many() {
        for (group_count, looks_each) in [(1, 1), (3, 3), (2_000, 12), (20_000, 16)] {
            let looks = looks_for(group_count);
            let most = group_count as usize * looks_each;
            assert!((1..=most).contains(&looks), "{looks} looks for {group_count} groups");
        }
    }

    #[test]
    fn s14_names_of_groups_read_back_and_a_broken_run_ends_them() {
        let names = [b"g".as_slice(), b"workers.eu", b"", &[b'n'; 256]];
        let mut bytes = Vec::new();
        for name in names {
            GroupNames::push(&mut bytes, name);
        }
        assert!(GroupNames::new(&bytes).eq(names));
        assert!(GroupNames::new(&bytes[..bytes.len() - 1]).eq(names[..3].iter().copied()));
        for broken in [b"".as_slice(), b"\x01", b"\x02\x00a"] {
            assert_eq!(GroupNames::new(broken).next(), None);
        }
    }
}
