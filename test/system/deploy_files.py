"""Reads App Engine files as the Cloud SDK does, without the network or a login.

Arguments: the SDK's root, then for each file its kind (app, cron, index, upload) and its path. Prints one JSON list with an
object for each: {"error": text} or {"value": what was read}. The path of an upload is a folder; its value are the
files that a deploy would send.
"""
import json
import os
import sys

SDK = sys.argv[1]
sys.path[:0] = [os.path.join(SDK, "lib"), os.path.join(SDK, "lib", "third_party")]

from googlecloudsdk.api_lib.app import yaml_parsing  # noqa: E402
from googlecloudsdk.appengine.api import appinfo, croninfo  # noqa: E402
from googlecloudsdk.appengine.datastore import datastore_index  # noqa: E402
from googlecloudsdk.command_lib.util import gcloudignore  # noqa: E402


def text(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def read_app(path):
    info = appinfo.LoadSingleAppInfo(text(path))
    yaml_parsing.ServiceYamlInfo.FromFile(path)
    return {
        "runtime": info.runtime,
        "inbound": list(info.inbound_services or []),
        "slots": info.automatic_scaling and info.automatic_scaling.max_concurrent_requests,
        "env": dict(info.env_variables or {}),
    }


def read_cron(path):
    return [{"url": job.url, "schedule": job.schedule} for job in croninfo.LoadSingleCron(text(path)).cron]


def read_index(path):
    return len(datastore_index.ParseIndexDefinitions(text(path)).indexes or [])


def read_upload(path):
    return sorted(gcloudignore.GetFileChooserForDir(path).GetIncludedFiles(path, include_dirs=False))


READERS = {"app": read_app, "cron": read_cron, "index": read_index, "upload": read_upload}


def read(kind, path):
    try:
        return {"value": READERS[kind](path)}
    except Exception as error:  # whatever the SDK throws is what a deploy would say
        return {"error": "%s: %s" % (type(error).__name__, error)}


asked = sys.argv[2:]
print(json.dumps([read(kind, path) for kind, path in zip(asked[::2], asked[1::2])]))
