"""djangorestframework-simplejwt with tokens of another issuer: JWK_URL and JWTStatelessUserAuthentication, as its
documentation has them."""
import os

import django
from django.conf import settings

settings.configure(
    SECRET_KEY="not used",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "rest_framework"],
    REST_FRAMEWORK={
        "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework_simplejwt.authentication.JWTStatelessUserAuthentication"],
        "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    },
    SIMPLE_JWT={
        "ALGORITHM": "RS256",
        "SIGNING_KEY": None,
        "JWK_URL": os.environ["JWKS_URL"],
        "AUDIENCE": os.environ["AUDIENCE"],
        "ISSUER": os.environ["ISSUER"],
        "USER_ID_CLAIM": "sub",
    },
)
django.setup()

from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.urls import path  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from rest_framework.views import APIView  # noqa: E402


class Protected(APIView):
    def get(self, request):
        return Response({"sub": str(request.user.pk)})


urlpatterns = [path("protected", Protected.as_view())]
app = get_wsgi_application()
