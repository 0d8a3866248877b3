//! Queue groups that found nobody on the shard they were picked for (law S15).

use coilgun_protocol::model::{ClientId, ErrorCode, NamespaceId, ShardSet, Subject};

use super::plan::{Plan, RouteHint, Settlement};
use super::state::Router;

impl Router {
    /// Writes into `plan` who gets a message of `publisher` for one queue group, after the shards in
    /// `tried` had nobody left; this shard's own number stands for its own members. There is one
    /// target, or one pick of another shard ([`Plan::group_picks`]), or nobody is left; then
    /// [`Plan::is_starved`] says whether members of this shard lack credit only, and
    /// [`Plan::went_plainly`] whether the shard that is picked has the message for others already.
    /// Carried out with [`Router::commit`].
    ///
    /// The publisher may have gone meanwhile. A client that wants each message once and has this one
    /// outside of the queue group is the one that was picked, and no target.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidSubject`]; the plan is empty then.
    #[expect(clippy::too_many_arguments, reason = "as for a plan, and each says another thing")]
    pub fn plan_bounced(
        &mut self,
        publisher: ClientId,
        namespace: NamespaceId,
        subject: &[u8],
        group: &[u8],
        tried: ShardSet,
        mut has_room: impl FnMut(ClientId) -> bool,
        plan: &mut Plan,
    ) -> Result<(), ErrorCode> {
        plan.clear(self.revision);
        if !self.trie.is_open(namespace) {
            return Subject::parse(subject).map(|_| ()).map_err(|_| ErrorCode::InvalidSubject);
        }
        let publisher_left = self.clients.present_or_gone(publisher);
        let excluded = publisher_left.is_some_and(|from| from.wants_no_echo()).then_some(publisher);
        let mut hint = RouteHint::default();
        self.locate(namespace, subject, &mut hint)?;
        let own = self.shard;
        let mut planner = self.planner(hint.slot, excluded, plan);
        if let Some(place) = planner.place_of(namespace, group) {
            planner.mark_plain();
            // Whether a client has the message is told by the subscriptions it has now, which may be
            // new: whoever surely has none comes first, so that the message is not lost to the group.
            planner.passes_over_marked = true;
            planner.group(place, own, tried, &mut has_room);
            if planner.plan.picks.is_empty() {
                planner.passes_over_marked = false;
                planner.plan.any_starved = false;
                planner.group(place, own, tried, &mut has_room);
            }
            planner.plan.went_plainly = planner.route.elsewhere.shards;
            planner.plan.settlement = Settlement::Everything;
        }
        Ok(())
    }
}
