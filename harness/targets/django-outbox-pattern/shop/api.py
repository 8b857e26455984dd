import json

from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import path

application = get_wsgi_application()

from shop.models import Order  # noqa: E402: models are there once Django is


def orders(request):
    order = json.loads(request.body)
    _, placed = Order.objects.get_or_create(id=order["id"], defaults={"key": order["key"], "n": int(order["n"])})
    return HttpResponse(status=201 if placed else 200)


def ready(request):
    Order.objects.exists()
    return HttpResponse()


urlpatterns = [path("orders", orders), path("ready", ready)]
