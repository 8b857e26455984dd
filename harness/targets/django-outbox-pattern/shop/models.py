from django.db import models
from django_outbox_pattern.decorators import Config, publish


@publish([Config(destination="/topic/orders.placed")])
class Order(models.Model):
    id = models.UUIDField(primary_key=True)
    key = models.TextField()
    n = models.BigIntegerField()

    class Meta:
        db_table = "orders"
