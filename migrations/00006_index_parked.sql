-- The age of the oldest gap, for the metrics. Nearly always empty.
CREATE INDEX inbox_waiting ON inbox (received_at) WHERE applied_at IS NULL;
