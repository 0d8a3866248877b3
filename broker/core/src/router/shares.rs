//! Which shard's members get a message of a queue group (law S14).

use coilgun_protocol::model::{ShardId, ShardSet};

use super::queue_group::Choice;

/// The members of a queue group that another shard has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Share {
    /// Which shard.
    pub(super) shard: ShardId,
    /// Whether publishers have to wait for it.
    pub(super) is_pressed: bool,
    /// How many members it has; at least 1.
    pub(super) weight: u32,
}

/// What became of the search among all shards.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Picked {
    /// This member of this shard, which may have to be waited for.
    Member(usize),
    /// One of the members of another shard, which may have to be waited for.
    Share(Share),
    /// Members of this shard want it, and none of them has credit; no other shard has any.
    Starved,
    /// Nobody may have it.
    Nobody,
}

/// Looks for the shard that delivers to one of its members. `turn` counts members: first those of
/// this shard, of which there are `members`, then those of each share. The shard of the member whose
/// turn it is comes first, then the others; one that publishers have to wait for is picked only if
/// nobody else has anything.
///
/// Shares of shards that were `tried` are passed over. `choose` looks among the members of this
/// shard, and is asked at most once.
pub(super) fn choose_shard(
    members: usize,
    shares: &[Share],
    turn: u64,
    tried: ShardSet,
    choose: impl FnOnce() -> Choice,
) -> Picked {
    let asked = share_at(members, shares, turn);
    if let Some(place) = asked
        && let Some(share) = find(shares, place, |share| is_ready(share, tried))
    {
        return Picked::Share(share);
    }
    let chosen = choose();
    if let Choice::Member(member) = chosen {
        return Picked::Member(member);
    }
    // Whose turn is nobody's falls to the others evenly.
    let place = asked.unwrap_or(turn as usize % shares.len().max(1));
    if let Some(share) = find(shares, place, |share| is_ready(share, tried)) {
        return Picked::Share(share);
    }
    match chosen {
        Choice::Member(member) | Choice::Full(member) => Picked::Member(member),
        Choice::Starved | Choice::Nobody => {
            let pressed = find(shares, place, |share| !tried.contains(share.shard));
            match pressed {
                Some(share) => Picked::Share(share),
                None if chosen == Choice::Starved => Picked::Starved,
                None => Picked::Nobody,
            }
        }
    }
}

/// How many members there are on all shards.
pub(super) fn weight_of(members: usize, shares: &[Share]) -> u64 {
    members as u64 + shares.iter().map(|share| u64::from(share.weight)).sum::<u64>()
}

/// The share whose turn it is; none: a member of this shard.
fn share_at(members: usize, shares: &[Share], turn: u64) -> Option<usize> {
    let mut left = turn.checked_sub(members as u64)?;
    for (place, share) in shares.iter().enumerate() {
        match left.checked_sub(u64::from(share.weight)) {
            Some(less) => left = less,
            None => return Some(place),
        }
    }
    None
}

/// The first share from `place` on, going round, that is as wanted.
fn find(shares: &[Share], place: usize, is_wanted: impl Fn(&Share) -> bool) -> Option<Share> {
    let (before, from) = shares.split_at(place.min(shares.len()));
    from.iter().chain(before).copied().find(is_wanted)
}

fn is_ready(share: &Share, tried: ShardSet) -> bool {
    !share.is_pressed && !tried.contains(share.shard)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(number: usize, weight: u32, is_pressed: bool) -> Share {
        Share { shard: ShardId::new(number), is_pressed, weight }
    }

    #[test]
    fn s14_turns_are_given_by_weight() {
        let shares = [share(3, 2, false), share(5, 1, false)];
        let picked: Vec<_> = (0..weight_of(2, &shares))
            .map(|turn| choose_shard(2, &shares, turn, ShardSet::EMPTY, || Choice::Member(1)))
            .collect();
        let (here, three, five) =
            (Picked::Member(1), Picked::Share(shares[0]), Picked::Share(shares[1]));
        assert_eq!(picked, [here, here, three, three, five]);
    }

    #[test]
    fn s14_who_is_ready_comes_before_who_must_be_waited_for() {
        let choices = [Choice::Member(0), Choice::Full(0), Choice::Starved, Choice::Nobody];
        for case in 0..choices.len() * 4 * 3 {
            let chosen = choices[case % 4];
            let pressed = [case / 4 % 2 == 1, case / 8 % 2 == 1];
            let turn = case / 16;
            let shares = [share(1, 1, pressed[0]), share(2, 1, pressed[1])];
            let order = if turn == 2 { [1, 0] } else { [0, 1] };
            let ready = order.into_iter().find(|place| !pressed[*place]);
            let remote = |place: usize| Picked::Share(shares[place]);
            let expected = match (turn, chosen, ready) {
                (0, Choice::Member(member), _) => Picked::Member(member),
                (_, _, Some(place)) => remote(place),
                (_, Choice::Member(member) | Choice::Full(member), None) => Picked::Member(member),
                (_, Choice::Starved | Choice::Nobody, None) => remote(order[0]),
            };
            let found = choose_shard(1, &shares, turn as u64, ShardSet::EMPTY, || chosen);
            assert_eq!(found, expected, "{chosen:?} {pressed:?} turn {turn}");
        }
    }

    #[test]
    fn s15_shards_that_were_tried_are_passed_over() {
        let shares = [share(1, 4, false), share(2, 1, true)];
        let tried = ShardSet::of(ShardId::new(1));
        let nobody = || Choice::Nobody;
        for turn in 0..5 {
            let found = choose_shard(0, &shares, turn, tried, nobody);
            assert_eq!(found, Picked::Share(shares[1]), "turn {turn}");
            let found = choose_shard(0, &shares, turn, ShardSet::first(3), nobody);
            assert_eq!(found, Picked::Nobody);
            let found = choose_shard(0, &shares, turn, ShardSet::first(3), || Choice::Starved);
            assert_eq!(found, Picked::Starved);
        }
    }
}
