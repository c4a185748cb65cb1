# Envoy's filter jwt_authn with remote_jwks:
# https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/jwt_authn_filter
import json
import os
import sysconfig
import tempfile
from urllib.parse import urlsplit

keys = urlsplit(os.environ["JWKS_URL"])
provider = {
    "issuer": os.environ["ISSUER"],
    "audiences": [os.environ["AUDIENCE"]],
    "remote_jwks": {
        "http_uri": {"uri": os.environ["JWKS_URL"], "cluster": "keys", "timeout": "5s"},
        "cache_duration": {"seconds": 300},
    },
}


def typed(name, message, **fields):
    return {"name": name, "typed_config": {"@type": "type.googleapis.com/" + message, **fields}}


def address(host, port):
    return {"socket_address": {"address": host, "port_value": int(port)}}


filters = "envoy.extensions.filters.http."
manager = typed(
    "envoy.filters.network.http_connection_manager",
    "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
    stat_prefix="api",
    route_config={
        "virtual_hosts": [
            {
                "name": "api",
                "domains": ["*"],
                "routes": [
                    {
                        "match": {"prefix": "/protected"},
                        "direct_response": {"status": 200, "body": {"inline_string": "served\n"}},
                    }
                ],
            }
        ]
    },
    http_filters=[
        typed(
            "envoy.filters.http.jwt_authn",
            filters + "jwt_authn.v3.JwtAuthentication",
            providers={"kit": provider},
            rules=[{"match": {"prefix": "/"}, "requires": {"provider_name": "kit"}}],
        ),
        typed("envoy.filters.http.router", filters + "router.v3.Router"),
    ],
)
endpoint = {"endpoint": {"address": address(keys.hostname, keys.port)}}
config = {
    "static_resources": {
        "listeners": [
            {
                "name": "api",
                "address": address("127.0.0.1", os.environ["PORT"]),
                "filter_chains": [{"filters": [manager]}],
            }
        ],
        "clusters": [
            {
                "name": "keys",
                "type": "STATIC",
                "load_assignment": {"cluster_name": "keys", "endpoints": [{"lb_endpoints": [endpoint]}]},
            }
        ],
    }
}
file = tempfile.NamedTemporaryFile("w", suffix=".json", delete=False)
json.dump(config, file)
file.close()
envoy = sysconfig.get_path("purelib") + "/envoy/_bin/envoy"
os.execv(envoy, [envoy, "--config-path", file.name, "--use-dynamic-base-id", "--concurrency", "1", "--log-level", "error"])
