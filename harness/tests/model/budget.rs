//! How much may go wrong, and how much there is to do.

/// What a search may still do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Budget {
    /// Bids that each auction still gets.
    pub bids: Vec<u8>,
    /// Of them, the first so many of all have an event of which no message can be made.
    pub spoilt: u8,
    /// Writers whose transactions are rolled back.
    pub aborts: u8,
    /// Relays that are killed; one always lives.
    pub crashes: u8,
    /// Leases of living relays that end: frozen, or cut off from the database.
    pub expiries: u8,
    /// Sessions that end for what the database does: a claim's answer does not come in time.
    pub give_ups: u8,
    /// Connections to the broker that end.
    pub cuts: u8,
    /// Messages that the broker does not take.
    pub refusals: u8,
    /// Lanes that are to change hands in good order.
    pub drains: u8,
    /// Consumers that die: what they had is delivered again.
    pub returns: u8,
    /// Messages that somebody sends again.
    pub copies: u8,
    /// Relays that stop, and give their lanes up with whatever is in flight; one always lives.
    pub leaves: u8,
    /// Events in flight that whoever takes their lane gives up.
    pub given_up: u8,
    /// Published events that are deleted.
    pub purges: u8,
    /// Failed events that are mended and put back.
    pub repairs: u8,
}
