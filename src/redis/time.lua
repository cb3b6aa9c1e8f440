-- Reads Redis' clock where the orders are: in a Cluster, every master has its own. KEYS: any key of the orders' slot.
-- Returns { seconds, microseconds }.
return redis.call('TIME')
