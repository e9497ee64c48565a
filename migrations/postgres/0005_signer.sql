-- By which key checkpoints are signed: the verifier key of the node that writes the log, or wrote it last; empty where no node
-- has said so since this column is there. Nodes that stand by compare it with their own. It proves nothing: what auditors
-- trust is the key that they were given.
ALTER TABLE keruen_log.log_head ADD COLUMN verifier_key text COLLATE "C" NOT NULL DEFAULT '';
GRANT UPDATE (verifier_key) ON keruen_log.log_head TO keruen_writer;
