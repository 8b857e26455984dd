-- Auctions and their bids: what HTTP requests write and read.

CREATE TABLE auctions (
    auction_id     UUID PRIMARY KEY,
    title          TEXT        NOT NULL,
    -- ISO 4217 code; all amounts of the auction are in this currency's minor unit.
    currency       TEXT        NOT NULL,
    -- A first bid must reach it.
    starting_price BIGINT      NOT NULL,
    closes_at      TIMESTAMPTZ NOT NULL,
    -- The auction's counter. PlaceBid locks this row first and draws the number second, so that sequence order is
    -- commit order within an auction and a rollback leaves no gap.
    last_sequence  BIGINT      NOT NULL DEFAULT 0,
    -- What the next bid must beat; NULL before the first bid.
    highest_amount BIGINT,
    created_at     TIMESTAMPTZ NOT NULL DEFAULT now(),

    CONSTRAINT auctions_title_length CHECK (char_length(title) BETWEEN 1 AND 200),
    CONSTRAINT auctions_currency_code CHECK (currency ~ '^[A-Z]{3}$'),
    CONSTRAINT auctions_starting_price_positive CHECK (starting_price > 0),
    -- The counter and the highest bid move together: there is a highest bid exactly when there is a bid.
    CONSTRAINT auctions_highest_iff_bid CHECK ((highest_amount IS NULL) = (last_sequence = 0))
);

CREATE TABLE bids (
    -- Chosen by the client or by the service. Guarantees: a retried request makes one bid.
    bid_id     UUID PRIMARY KEY,
    auction_id UUID        NOT NULL REFERENCES auctions,
    user_id    TEXT        NOT NULL,
    amount     BIGINT      NOT NULL,
    sequence   BIGINT      NOT NULL,
    placed_at  TIMESTAMPTZ NOT NULL,

    CONSTRAINT bids_user_id_length CHECK (char_length(user_id) BETWEEN 1 AND 128),
    CONSTRAINT bids_amount_positive CHECK (amount > 0),
    CONSTRAINT bids_sequence_positive CHECK (sequence > 0),
    -- Guarantees: two bids never share a place in their auction, whatever the code does.
    CONSTRAINT bids_one_per_place UNIQUE (auction_id, sequence)
);
