-- Retention: applied bids, oldest first. A parked bid is never in it. What is deleted is not forgotten: whatever is at or
-- below its auction's standing was received.
CREATE INDEX inbox_purgeable ON inbox (applied_at) WHERE applied_at IS NOT NULL;
