-- How well Meta can tell whose event it was, by our estimate, and by which of its identifiers. Null of what an earlier version sent, and of what Meta
-- did not take.
alter table dispatch_attempt add column match_quality double precision;
alter table dispatch_attempt add column identifiers jsonb;
