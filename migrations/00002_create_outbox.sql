-- The outbox (written with the bid, in the same transaction), and who may publish from it.

CREATE TABLE outbox_events (
    -- UUIDv7; becomes the AMQP message_id, the same on every retry.
    id           UUID PRIMARY KEY,
    event_type   TEXT        NOT NULL,
    -- The event in protobuf's canonical JSON.
    payload      JSONB       NOT NULL,
    status       TEXT        NOT NULL DEFAULT 'pending',
    created_at   TIMESTAMPTZ DEFAULT now(),
    -- When the event left the relay's hands: confirmed by the broker, or given up.
    processed_at TIMESTAMPTZ,

    -- Order. Within an auction, position order is sequence order is commit order: all are drawn under the auction's
    -- row lock. Across auctions position is only a fair queueing order, never a cursor: a smaller one may commit later.
    position     BIGINT      NOT NULL GENERATED ALWAYS AS IDENTITY,
    auction_id   UUID        NOT NULL,
    sequence     BIGINT      NOT NULL,
    -- The unit of ownership among relays. Computed here, so that an event cannot be in the wrong lane.
    lane         SMALLINT    NOT NULL GENERATED ALWAYS AS ((uuid_hash(auction_id) & 63)::smallint) STORED,

    -- Lease. The fencing token of the lane's owner that claimed the event; a write-back must present it.
    claim_token  BIGINT,

    -- Retries. Counted when claimed, so that an event that kills its relay is counted too.
    attempts     INT         NOT NULL DEFAULT 0,
    -- Set while a rejected event backs off, and when a failed one is put back; its auction waits for it.
    retry_at     TIMESTAMPTZ,
    last_error   TEXT,
    -- W3C trace context of the request, passed on to the consumer.
    traceparent  TEXT,

    CONSTRAINT outbox_status_known CHECK (status IN ('pending', 'processing', 'published', 'failed')),
    -- Guarantees: an event is in flight exactly while some relay's token is on it, so a stale relay cannot write back.
    CONSTRAINT outbox_claimed_iff_processing CHECK ((status = 'processing') = (claim_token IS NOT NULL)),
    CONSTRAINT outbox_processed_iff_done CHECK ((status IN ('published', 'failed')) = (processed_at IS NOT NULL))
)
-- Room on each page for the status updates that every row receives, and vacuum long before a fifth of the table is dead.
WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000);

-- The claim: pending events in queueing order; nothing published is ever in it.
CREATE INDEX outbox_pending ON outbox_events (position) WHERE status = 'pending';
-- Guarantees: a transaction announces a place in an auction once. Over the table's whole life `bids_one_per_place` and
-- `inbox_one_per_place` say the same; here only pending events are compared, because an index over all of them is
-- written at every change of status and costs a third of the relay's share of Postgres.
CREATE UNIQUE INDEX outbox_one_per_place ON outbox_events (auction_id, sequence) WHERE status = 'pending';
-- Takeover and release: what a lane has in flight.
CREATE INDEX outbox_processing ON outbox_events (lane) WHERE status = 'processing';
-- Heads that hold their auction back: backing off or failed. Nearly always empty.
CREATE INDEX outbox_holding ON outbox_events (auction_id, sequence) WHERE status = 'failed' OR retry_at IS NOT NULL;
-- Retention: published events, oldest first.
CREATE INDEX outbox_purgeable ON outbox_events (processed_at) WHERE status = 'published';

CREATE SEQUENCE relay_tokens;

-- One row a lane: who publishes its events. Guarantees: one owner at a time, judged by this database's clock.
CREATE TABLE relay_lanes (
    lane        SMALLINT PRIMARY KEY,
    owner       UUID,
    -- Fencing token: a new one from `relay_tokens` with every change of owner, greater than all before in any lane.
    token       BIGINT      NOT NULL DEFAULT 0,
    lease_until TIMESTAMPTZ NOT NULL DEFAULT '-infinity',
    -- The owner gives the lane up as soon as nothing of it is in flight.
    draining    BOOLEAN     NOT NULL DEFAULT false,

    CONSTRAINT relay_lanes_known CHECK (lane BETWEEN 0 AND 63)
);
INSERT INTO relay_lanes (lane) SELECT generate_series(0, 63);

-- One row a living relay, for fair shares and for the doorbell.
CREATE TABLE relays (
    relay_id   UUID PRIMARY KEY,
    alive_until TIMESTAMPTZ NOT NULL,
    -- The relay sleeps and wants to be rung. A writer notifies only if some relay says so.
    wants_ring BOOLEAN     NOT NULL DEFAULT false
);
