"""Lays PgQ into a database by its own SQL, and makes a queue."""

import os
import pathlib
import sys
import time

import psycopg2

pgq = pathlib.Path(sys.argv[1], "usr/share/postgresql/15/contrib/pgq_pl_only.sql").read_text()


def migrate(connection):
    with connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE orders (id uuid PRIMARY KEY, key text, n bigint)")
        cursor.execute(pgq)
        # It says what CREATE EXTENSION has noted, and pgqd leaves alone what says nothing.
        cursor.execute("CREATE OR REPLACE FUNCTION pgq.version() RETURNS text LANGUAGE sql AS $$SELECT '3.5'$$")
        cursor.execute("SELECT pgq.create_queue('orders')")
        cursor.execute("SELECT pgq.register_consumer('orders', 'relay')")


# Its roles are the server's: of databases that are made beside each other one creates them, and the others come too late once.
for attempt in range(10):
    try:
        migrate(psycopg2.connect(os.environ["DATABASE_DSN"]))
        break
    except (psycopg2.errors.UniqueViolation, psycopg2.errors.InternalError) as beside:
        if attempt == 9:
            raise
        print(f"once more: {beside}", flush=True)
        time.sleep(0.2)
