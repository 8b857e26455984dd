-- One auction's trouble stays its own: a relay looks into its own lanes only, and events that wait for a failed one of their
-- auction stand aside.

-- The broker's condition is no event's fault: what it would not take is handed back, and the relay pauses. Nothing backs off
-- by itself any more.
DROP INDEX outbox_holding;
ALTER TABLE outbox_events DROP COLUMN retry_at;

-- Set by the claim that finds an earlier event of the auction failed, or held itself. Guarantees: each event that has to wait
-- is walked over once, however often its lane is looked into.
ALTER TABLE outbox_events ADD COLUMN held BOOLEAN NOT NULL DEFAULT false,
    ADD CONSTRAINT outbox_held_only_pending CHECK (NOT held OR status = 'pending');

-- The claim: a lane's pending events in queueing order.
DROP INDEX outbox_pending;
CREATE INDEX outbox_ready ON outbox_events (lane, position) WHERE status = 'pending' AND NOT held;
-- What holds its auction back, by auction.
CREATE INDEX outbox_holding ON outbox_events (auction_id, sequence) WHERE status = 'failed' OR held;
-- What has failed of an auction.
CREATE INDEX outbox_failed_places ON outbox_events (auction_id, sequence) WHERE status = 'failed';
-- The age of the oldest failed event, for the metrics.
CREATE INDEX outbox_failed ON outbox_events (created_at) WHERE status = 'failed';

-- Counts how often events of the lane became claimable in places that a relay may have passed by: a relay that finds it
-- changed looks from the lane's beginning.
ALTER TABLE relay_lanes ADD COLUMN recalls BIGINT NOT NULL DEFAULT 0;
