"""A consumer on PgQ's framework that publishes each batch to RabbitMQ: what raises leaves the batch unfinished."""

import os
import sys

import pgq
import pika


class Relay(pgq.Consumer):
    def process_batch(self, db, batch_id, event_list):
        connection = pika.BlockingConnection(pika.URLParameters(os.environ["AMQP_URL"]))
        try:
            channel = connection.channel()
            channel.confirm_delivery()
            for event in event_list:
                properties = pika.BasicProperties(
                    message_id=str(event.id), type=event.type, delivery_mode=pika.DeliveryMode.Persistent
                )
                channel.basic_publish("", "orders", event.data.encode(), properties, mandatory=True)
        finally:
            if connection.is_open:
                connection.close()


Relay("relay", "database", sys.argv[1:]).start()
