# Envoy's filter jwt_authn with remote_jwks, and a service of grpcio behind it:
# https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/jwt_authn_filter
import json
import os
import subprocess
import sys
import sysconfig
import tempfile
from urllib.parse import urlsplit

service = subprocess.Popen(
    [sys.executable, os.path.join(os.path.dirname(__file__), "grpc_service.py")], stdout=subprocess.PIPE, text=True
)
service_port = int(service.stdout.readline())
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
                    },
                    {"match": {"prefix": "/kit.Kit/", "grpc": {}}, "route": {"cluster": "service"}},
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


def cluster(name, host, port, **more):
    endpoint = {"endpoint": {"address": address(host, port)}}
    assignment = {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]}
    return {"name": name, "type": "STATIC", "load_assignment": assignment, **more}


http2 = typed("", "envoy.extensions.upstreams.http.v3.HttpProtocolOptions", explicit_http_config={"http2_protocol_options": {}})
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
            cluster("keys", keys.hostname, keys.port),
            cluster(
                "service",
                "127.0.0.1",
                service_port,
                typed_extension_protocol_options={"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": http2["typed_config"]},
            ),
        ],
    }
}
file = tempfile.NamedTemporaryFile("w", suffix=".json", delete=False)
json.dump(config, file)
file.close()
envoy = sysconfig.get_path("purelib") + "/envoy/_bin/envoy"
os.execv(envoy, [envoy, "--config-path", file.name, "--use-dynamic-base-id", "--concurrency", "1", "--log-level", "error"])
