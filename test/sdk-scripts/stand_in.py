"""Serves tasks with the SDK's own serializer, where the registration on standard input says."""

import json
import sys
import time
import traceback

import pika
from globus_compute_common import messagepack
from globus_compute_common.messagepack.message_types import Result
from globus_compute_sdk.errors import MaxResultSizeExceeded
from globus_compute_sdk.serialize import ComputeSerializer

RESULT_MAX = 10 * 1024 * 1024

registration = json.load(sys.stdin)
results = registration["result_queue_info"]["queue_publish_kwargs"]
serializer = ComputeSerializer()


def run(buffer):
    try:
        function, args, kwargs = serializer.unpack_and_deserialize(buffer)
        data = serializer.serialize(function(*args, **kwargs))
        if len(data) > RESULT_MAX:
            raise MaxResultSizeExceeded(len(data), RESULT_MAX)
        return {"data": data}
    except Exception:
        details = {"code": "RemoteExecutionError", "user_message": "An error occurred"}
        return {"data": traceback.format_exc(), "error_details": details}


def serve():
    connection = pika.BlockingConnection(pika.URLParameters(registration["task_queue_info"]["connection_url"]))
    channel = connection.channel()
    channel.confirm_delivery()
    print("ready", flush=True)
    for method, properties, body in channel.consume(registration["task_queue_info"]["queue"], exclusive=True):
        begun = time.time_ns()
        outcome = run(messagepack.unpack(body).task_buffer)
        states = [("execution-start", begun), ("execution-end", time.time_ns())]
        result = Result(
            task_id=properties.headers["task_uuid"],
            details={"endpoint_id": registration["endpoint_id"], "python_version": sys.version.split()[0]},
            task_statuses=[{"timestamp": at, "state": state, "actor": "worker"} for state, at in states],
            **outcome,
        )
        channel.basic_publish(
            results["exchange"], results["routing_key"], messagepack.pack(result),
            pika.BasicProperties(**results["properties"]), mandatory=True,
        )
        channel.basic_ack(method.delivery_tag)


while True:
    try:
        serve()
    except pika.exceptions.AMQPError:
        time.sleep(0.2)
