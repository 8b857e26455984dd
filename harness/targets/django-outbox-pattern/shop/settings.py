"""What the library's documentation asks for; what is not set here is its own."""

import os

SECRET_KEY = "for nothing that is secret"
ALLOWED_HOSTS = ["127.0.0.1"]
ROOT_URLCONF = "shop.api"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = ["django_outbox_pattern", "shop"]

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": os.environ["DATABASE_HOST"],
        "PORT": os.environ["DATABASE_PORT"],
        "NAME": os.environ["DATABASE_NAME"],
        "USER": os.environ["DATABASE_USER"],
        "PASSWORD": os.environ["DATABASE_PASSWORD"],
    }
}

DJANGO_OUTBOX_PATTERN = {
    "DEFAULT_STOMP_HOST_AND_PORTS": [("127.0.0.1", int(os.environ.get("STOMP_PORT", "61613")))],
    "DEFAULT_STOMP_USERNAME": os.environ.get("STOMP_USERNAME", "guest"),
    "DEFAULT_STOMP_PASSCODE": os.environ.get("STOMP_PASSCODE", "guest"),
    "DEFAULT_STOMP_VHOST": os.environ.get("STOMP_VHOST", "/"),
}
for name in ("DEFAULT_PAUSE_FOR_RETRY", "DEFAULT_WAIT_RETRY", "DEFAULT_MAXIMUM_RETRY_ATTEMPTS", "DEFAULT_MAXIMUM_BACKOFF"):
    if name in os.environ:
        DJANGO_OUTBOX_PATTERN[name] = int(os.environ[name])
if os.environ.get("STOMP_PERSISTENT") == "true":
    DJANGO_OUTBOX_PATTERN["DEFAULT_GENERATE_HEADERS"] = "shop.headers.persistent"

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["console"], "level": "INFO"},
}
