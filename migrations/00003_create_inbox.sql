-- The consumer's side: what was received, and what it added up to. Shares nothing with the tables above but a server.

CREATE TABLE inbox (
    -- Guarantees: a bid is received once, however often it is delivered.
    bid_id      UUID PRIMARY KEY,
    auction_id  UUID        NOT NULL,
    sequence    BIGINT      NOT NULL,
    user_id     TEXT        NOT NULL,
    amount      BIGINT      NOT NULL,
    placed_at   TIMESTAMPTZ NOT NULL,
    received_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    -- NULL while parked: a predecessor is missing.
    applied_at  TIMESTAMPTZ,

    -- Guarantees: two bids never claim one place.
    CONSTRAINT inbox_one_per_place UNIQUE (auction_id, sequence)
);
CREATE INDEX inbox_parked ON inbox (auction_id, sequence) WHERE applied_at IS NULL;

-- The projection: what the applied bids add up to, and all that the live feed shows.
CREATE TABLE standings (
    auction_id     UUID PRIMARY KEY,
    last_sequence  BIGINT NOT NULL DEFAULT 0,
    bid_count      BIGINT NOT NULL DEFAULT 0,
    highest_bid_id UUID,
    highest_amount BIGINT,

    -- Guarantees: applied once each and without gaps, or the transaction fails.
    CONSTRAINT standings_no_gap CHECK (bid_count = last_sequence),
    CONSTRAINT standings_highest_iff_bid CHECK ((highest_bid_id IS NULL) = (bid_count = 0))
);
