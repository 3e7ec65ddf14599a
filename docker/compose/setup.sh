#!/usr/bin/env bash
# Makes a source of one server and replicas of others (MariaDB), and the accounts that waymark needs. Each server has
# just been made, or has been set up by this script before.
#
# Environment: SOURCE and REPLICAS (HOST:PORT, several with spaces between them), MARIADB_ROOT_PASSWORD,
# REPLICATION_PASSWORD, WAYMARK_PASSWORD.
set -euo pipefail

# query HOST:PORT STATEMENTS: runs them as root, and prints what comes without headings.
query() {
  MYSQL_PWD=$MARIADB_ROOT_PASSWORD mariadb --no-defaults --protocol=tcp --host="${1%:*}" --port="${1##*:}" \
    --user=root --batch --skip-column-names --execute "$2"
}

# The replicas begin where the source's log ends now: none of the servers has anything yet that the others haven't.
start=$(query "$SOURCE" 'SELECT @@GLOBAL.gtid_binlog_pos')

query "$SOURCE" "CREATE USER IF NOT EXISTS replicator@'%' IDENTIFIED BY '$REPLICATION_PASSWORD';
  GRANT REPLICATION SLAVE ON *.* TO replicator@'%';"

for replica in $REPLICAS; do
  if [[ -n $(query "$replica" 'SHOW REPLICA STATUS') ]]; then
    echo "$replica replicates already"
    continue
  fi
  # What the server wrote while it was made is no part of the history.
  query "$replica" "RESET MASTER; SET GLOBAL gtid_slave_pos = '$start';
    CHANGE MASTER TO MASTER_HOST='${SOURCE%:*}', MASTER_PORT=${SOURCE##*:}, MASTER_USER='replicator',
      MASTER_PASSWORD='$REPLICATION_PASSWORD', MASTER_CONNECT_RETRY=2, MASTER_USE_GTID=slave_pos;
    START REPLICA;"
  echo "$replica replicates from $SOURCE"
done

# Behind the beginning of replication, so that the replicas have it as well.
query "$SOURCE" "CREATE USER IF NOT EXISTS waymark@'%' IDENTIFIED BY '$WAYMARK_PASSWORD';
  GRANT REPLICATION SLAVE, BINLOG MONITOR, REPLICA MONITOR ON *.* TO waymark@'%';
  GRANT DROP ON meta.* TO waymark@'%';
  CREATE DATABASE IF NOT EXISTS shop;
  CREATE TABLE IF NOT EXISTS shop.orders (
    id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, customer VARCHAR(40) NOT NULL, amount DECIMAL(12,2) NOT NULL);"
echo 'done'
