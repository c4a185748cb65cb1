"""A service of grpcio without any check of tokens; it says its port."""
from concurrent.futures import ThreadPoolExecutor

import grpc

serve = grpc.unary_unary_rpc_method_handler(lambda request, context: b"")
server = grpc.server(ThreadPoolExecutor(8))
server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("kit.Kit", {"Serve": serve})])
print(server.add_insecure_port("127.0.0.1:0"), flush=True)
server.start()
server.wait_for_termination()
