"""An application on faststream-outbox, as its documentation shows one: an API that writes, and a worker that relays."""

import asyncio
import os
import sys
from uuid import UUID

from faststream import FastStream
from faststream.rabbit import Channel, RabbitBroker
from faststream_outbox import OutboxBroker, make_outbox_table
from sqlalchemy import BigInteger, Column, MetaData, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine

metadata = MetaData()
outbox = make_outbox_table(metadata, table_name="outbox")
orders = Table(
    "orders",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("key", Text),
    Column("n", BigInteger),
)
engine = create_async_engine(os.environ["DATABASE_URL"])
broker = OutboxBroker(engine, outbox_table=outbox)


async def migrate():
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)


async def api():
    import uvicorn
    from fastapi import FastAPI

    app = FastAPI()
    sessions = async_sessionmaker(engine, expire_on_commit=False)

    @app.post("/orders", status_code=201)
    async def place(id: UUID, key: str, n: int):
        async with sessions() as session, session.begin():
            order = insert(orders).values(id=id, key=key, n=n)
            placed = await session.execute(order.on_conflict_do_nothing().returning(orders.c.id))
            if placed.first() is not None:
                event = {"id": str(id), "key": key, "n": n}
                await broker.publish(event, queue="orders", session=session)

    @app.get("/ready")
    async def ready():
        async with engine.connect() as connection:
            await connection.execute(orders.select().limit(1))

    await uvicorn.Server(uvicorn.Config(app, port=int(os.environ["PORT"]), access_log=False)).serve()


async def relay():
    # Settings that are not set are the library's own.
    durable = os.environ.get("RABBIT_PERSIST") == "true"
    raises = os.environ.get("RABBIT_RETURNS_RAISE") == "true"
    timing = {
        name: float(os.environ[name.upper()])
        for name in ("lease_ttl_seconds", "max_fetch_interval")
        if name.upper() in os.environ
    }
    rabbit = RabbitBroker(os.environ["AMQP_URL"], default_channel=Channel(on_return_raises=raises))

    @rabbit.publisher("orders", persist=durable)
    @broker.subscriber("orders", **timing)
    async def forward(body: dict) -> dict:
        return body

    await FastStream(broker, on_startup=[rabbit.connect]).run()


asyncio.run({"migrate": migrate, "api": api, "relay": relay}[sys.argv[1]]())
