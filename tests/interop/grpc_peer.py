"""Calls methods of a gRPC server with grpcio: python grpc_peer.py ADDRESS CALLS

CALLS is a JSON array of objects with `method` and, if there is one, `authorization`. Writes a JSON array of what the client
gets: `code`, `message`, `text` and `challenges`, which are metadata, in one line.
"""

import json
import sys

import grpc

address, calls = sys.argv[1], json.loads(sys.argv[2])
got = []
with grpc.insecure_channel(address) as channel:
    for call in calls:
        # Bytes in, bytes out.
        method = channel.unary_unary(call["method"])
        metadata = [("authorization", call["authorization"])] if call.get("authorization") else None
        try:
            answer = method(b"", metadata=metadata, timeout=60)
            # One field, a short text.
            got.append({"code": 0, "message": "", "text": answer[2:].decode(), "challenges": ""})
        except grpc.RpcError as error:
            sent = [*(error.initial_metadata() or ()), *(error.trailing_metadata() or ())]
            challenges = [value for name, value in sent if name == "www-authenticate"]
            got.append({
                "code": error.code().value[0],
                "message": error.details(),
                "text": "",
                "challenges": ", ".join(challenges),
            })
json.dump(got, sys.stdout)
