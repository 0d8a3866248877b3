//! A named test finds each deliberate fault of the broker: a test that cannot fail proves nothing.

use std::panic::catch_unwind;

use coilgun_protocol::model::limits;
use coilgun_server::echo::Echo;
use coilgun_server::env::Turn;
use coilgun_server::env::sim::{Faults, SimEnv, SimWorld};
use coilgun_server::mutant::{self, Mutant};
use coilgun_server::net::SocketKind;
use coilgun_server::setup::{MemoryPlan, build_network};

use crate::{
    allocations, allocations_streams, deadlines, echo_simulated, elbus_access, elbus_broker,
    elbus_doors, identity_simulated, links_simulated, mesh_simulated, shard_simulated, shard_soak,
    slow_consumers, stream_releasing, wake_up_model,
};

/// A test that finds a fault, and what it says about it.
type Finder = (fn(), &'static str);

const APPENDS: Finder = (
    allocations_streams::s10_l15_an_append_allocates_for_its_commit_group_only,
    "L15: nothing is allocated",
);
const RELEASES: Finder = (
    stream_releasing::l10_a_deletion_that_may_be_undone_gives_nothing_back,
    "L10: a crash could bring",
);
const ANNOUNCED: Finder =
    (elbus_broker::clients_that_come_and_go_are_announced, "it never sees it");
const LISTED: Finder = (elbus_access::a_client_whose_entry_changes_is_cut_off, "its connection");
const VERDICTS: Finder =
    (identity_simulated::s26_a_verdict_is_for_nobody_who_came_later, "S26: it is let in");
const ONE_OWNER: Finder = (elbus_doors::a_name_can_be_taken_away_and_has_one_owner_at_a_time, "");

/// The test that finds a fault, and what it says about it.
fn finder(mutant: Mutant) -> Finder {
    match mutant {
        Mutant::FreedEarly => (
            echo_simulated::s1_s2_s4_s5_every_byte_comes_back_whatever_the_kernel_does,
            "S1: memory named by a send",
        ),
        Mutant::DroppedReceive => (s2_a_receive_that_ends_by_itself_goes_on, "bytes came back"),
        Mutant::DroppedAccept => (s2_an_accept_that_ends_by_itself_goes_on, "were accepted"),
        Mutant::RepeatedSend => {
            (shard_soak::s18_s21_at_most_once_and_in_order_whatever_the_kernel_does, "")
        }
        Mutant::StaleAccess => LISTED,
        Mutant::Unannounced => ANNOUNCED,
        Mutant::SharedName => ONE_OWNER,
        Mutant::PlantedAllocation => (allocations::s10_one_reader_no_allocation_one_copy, "left"),
        Mutant::AllocatingAppend => APPENDS,
        Mutant::EarlyReuse => RELEASES,
        Mutant::LostStarved => (s4_who_found_no_block_is_served_later, "bytes came back"),
        Mutant::HalfFanOut => (
            shard_simulated::s18_s19_a_slow_reader_holds_its_publisher_back_and_loses_nothing,
            "the publisher waits",
        ),
        Mutant::UntoldDrop => (
            slow_consumers::s19_what_is_dropped_is_told_whatever_the_kernel_does,
            "told by the subscription",
        ),
        Mutant::EarlyRelease => (
            echo_simulated::s2_resets_free_everything_and_harm_nobody_else,
            "S2: a descriptor is closed",
        ),
        Mutant::EarlyAck => (
            mesh_simulated::s12_a_subscription_is_answered_when_every_shard_knows_it,
            "the other shard cannot know",
        ),
        Mutant::NoHold => (
            mesh_simulated::s13_a_reply_over_three_shards_does_not_overtake_the_interest_in_it,
            "S13: the reply came",
        ),
        Mutant::NoBarrier => (
            mesh_simulated::s12_what_was_published_before_a_pong_reaches_nobody_who_subscribes_behind_it,
            "S12: it subscribed behind the PONG",
        ),
        Mutant::LostBounce => (
            mesh_simulated::s15_a_message_that_finds_nobody_left_goes_to_the_next_shard,
            "S15: each message found",
        ),
        Mutant::LateRequest => (
            deadlines::a_request_whose_time_is_over_is_not_delivered,
            "told when its time is over",
        ),
        Mutant::NoDoorbell => (
            links_simulated::s24_a_shard_does_not_sleep_on_a_connection_with_news,
            "S24: the shard sleeps",
        ),
        Mutant::NoLinkFence => (
            wake_up_model::links::s24_no_client_inside_the_process_sleeps_on_bytes,
            "S24: the client sleeps",
        ),
        Mutant::NoSleeperFence | Mutant::NoWakerFence => (
            wake_up_model::s24_no_wake_up_is_lost_in_any_interleaving,
            "S24: the shard sleeps with work in its queue",
        ),
        Mutant::StaleVerdict => VERDICTS,
        Mutant::NoLoanFence => (
            wake_up_model::lanes::s24_no_parcel_and_no_loan_finds_the_shard_asleep,
            "S24: the shard sleeps though something arrived",
        ),
    }
}

#[test]
fn every_mutant_is_found_by_its_test() {
    for one in Mutant::ALL {
        let (test, said) = finder(one);
        let found = mutant::with(one, || catch_unwind(test));
        let panic = found.expect_err(&format!("{one:?} went unnoticed"));
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or_default();
        assert!(text.contains(said), "{one:?} was found by: {text}");
    }
}

#[test]
fn the_fences_of_the_sleeping_flag_are_missed_between_shards_too() {
    for one in [Mutant::NoSleeperFence, Mutant::NoWakerFence] {
        let test = wake_up_model::lanes::s24_no_parcel_and_no_loan_finds_the_shard_asleep;
        assert!(mutant::with(one, || catch_unwind(test)).is_err(), "{one:?} went unnoticed");
    }
}

#[test]
fn s2_a_receive_that_ends_by_itself_goes_on() {
    let (written, read) = echoed(Faults { end_multishot: 1000, ..Faults::none() });
    assert!(written == read, "{} of {} bytes came back", read.len(), written.len());
}

#[test]
fn s4_who_found_no_block_is_served_later() {
    let (written, read) = echoed(Faults { starve: 500, ..Faults::none() });
    assert!(written == read, "{} of {} bytes came back", read.len(), written.len());
}

#[test]
fn s2_an_accept_that_ends_by_itself_goes_on() {
    let world = SimWorld::new(1, Faults { end_multishot: 1000, ..Faults::none() });
    let mut echo = echo(&world);
    for _ in 0..5 {
        let _peer = world.connect(LISTENER, 1_000);
        take_turns(&mut echo, 5);
    }
    let accepted = echo.net().socket_count();
    assert!(accepted == 5, "{accepted} of 5 were accepted");
}

const LISTENER: i32 = 7;

fn echo(world: &SimWorld) -> Echo<SimEnv> {
    let plan = MemoryPlan {
        receive_blocks: 8,
        output_bytes: 64 * limits::BLOCK_BYTES,
        frame_bytes_max: limits::BLOCK_BYTES,
        large_bytes: 0,
        sockets_max: 8,
        copy_max: 64,
    };
    let mut env = SimEnv::new(world.clone());
    let mut net = build_network(&mut env, &plan).expect("a simulated world has memory");
    net.listen(LISTENER, SocketKind::Tcp);
    Echo::new(env, net, 20_000)
}

fn take_turns(echo: &mut Echo<SimEnv>, count: usize) {
    for _ in 0..count {
        let now = echo.now();
        echo.turn(now).expect("a simulated ring does not break");
    }
}

/// What one peer wrote in twenty parts, and what came back within a few turns of each.
fn echoed(faults: Faults) -> (Vec<u8>, Vec<u8>) {
    let world = SimWorld::new(1, faults);
    let mut echo = echo(&world);
    let peer = world.connect(LISTENER, 10_000);
    let (mut written, mut read) = (Vec::new(), Vec::new());
    for number in 0..20u8 {
        world.write(peer, &[number; 100]);
        written.extend([number; 100]);
        take_turns(&mut echo, 50);
        read.extend(world.read(peer, usize::MAX));
    }
    (written, read)
}
