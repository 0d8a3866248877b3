//! Where a native connection is in its life.

/// Where a native connection is in its life; the drawing is in the module's head.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum State {
    /// Nothing was agreed on yet.
    AwaitPreface,
    /// Both prefaces are out and share a version.
    AwaitHello,
    /// HELLO was read; the broker decides.
    Opening,
    /// The client is in.
    Open,
    /// What the client sends is thrown away, what it is owed is still written.
    Leaving,
    /// Nothing more is written.
    Ended,
}

impl State {
    /// The state after this one; only the arrows of the drawing exist.
    ///
    /// # Panics
    /// If there is no such arrow.
    pub(super) fn change(&mut self, to: State) {
        let legal = match (*self, to) {
            (State::AwaitPreface, State::AwaitHello | State::Ended)
            | (State::AwaitHello, State::Opening | State::Leaving | State::Ended)
            | (State::Opening, State::Open | State::Leaving | State::Ended)
            | (State::Open, State::Leaving | State::Ended)
            | (State::Leaving | State::Ended, State::Ended) => true,
            (
                State::AwaitPreface
                | State::AwaitHello
                | State::Opening
                | State::Open
                | State::Leaving
                | State::Ended,
                State::AwaitPreface
                | State::AwaitHello
                | State::Opening
                | State::Open
                | State::Leaving,
            ) => false,
        };
        assert!(legal, "a native session does not go from {self:?} to {to:?}");
        *self = to;
    }

    /// Where a connection goes that is to end from here.
    pub(super) fn leave(&mut self) {
        match self {
            State::AwaitPreface => self.change(State::Ended),
            State::AwaitHello | State::Opening | State::Open => self.change(State::Leaving),
            State::Leaving | State::Ended => {}
        }
    }
}
