#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Command line client of a running target.

Which methods there are, their options, positions and help are asked from the target itself, so this program knows
every method that the target offers and needs nothing beyond Python's standard library.
"""

import argparse
import fractions
import getopt
import json
import os
import re
import shlex
import socket
import sys
import textwrap
import time

VERSION = "0.1.0"
DEFAULT_ADDR = "/var/tmp/spdk.sock"
DEFAULT_PORT = 5260
EXIT_FAILED = 1
EXIT_USAGE = 2

USAGE = """\
usage: rpc.py [options] METHOD [arguments]
       rpc.py [options] METHOD key=value ...
       rpc.py [options] < FILE       one command on each line

options:
  -s, --server ADDR    socket of the target, or HOST:PORT (default: %s)
  -p, --port PORT      port, if ADDR is a host (default: %d)
  -t, --timeout SECS   how long to wait for a reply (default: 60)
  -r, --retries N      how often to try again to connect, five times a second (default: 0)
  -v, --verbose        show each request and reply on standard error
      --dry-run        show the request instead of sending it
      --version        show the version of this program
  -h, --help           show this text and the target's methods; METHOD -h shows its parameters
""" % (DEFAULT_ADDR, DEFAULT_PORT)


class Failure(Exception):
    """What the user is told in one line."""

    def __init__(self, text, status=EXIT_FAILED):
        super().__init__(text)
        self.status = status


class RpcError(Failure):
    """The target answered with an error."""

    def __init__(self, method, error):
        message = error.get("message", "") if isinstance(error, dict) else str(error)
        code = error.get("code") if isinstance(error, dict) else None
        start = "" if message.startswith(method) else method + ": "
        super().__init__("%s%s (code %s)" % (start, message, code))


def strip_comments(text):
    """JSON text without // and /* */ comments, as configuration files may have them."""
    token = re.compile(r'"(?:\\.|[^"\\])*"|//[^\n\r]*|/\*.*?\*/', re.DOTALL)
    return token.sub(lambda m: m.group() if m.group().startswith('"') else " ", text)


def plain(word):
    return re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.-]*", word) is not None


# ---- the connection ----

class Client:
    def __init__(self, options):
        self.options = options
        self.sock = None
        self.received = b""
        self.next_id = 1
        self.descriptions = {}

    def _address(self):
        addr = self.options.addr
        if addr.startswith(("/", ".")) or os.path.exists(addr):
            return socket.AF_UNIX, addr
        host, colon, port = addr.rpartition(":")
        if colon and port.isdigit():
            return socket.AF_INET, (host.strip("[]"), int(port))
        if self.options.port is not None:
            return socket.AF_INET, (addr, self.options.port)
        return socket.AF_UNIX, addr

    def _connect_once(self):
        family, address = self._address()
        if family == socket.AF_INET:
            return socket.create_connection(address, self.options.timeout)
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.settimeout(self.options.timeout)
        try:
            sock.connect(address)
        except OSError:
            sock.close()
            raise
        return sock

    def connect(self):
        for attempt in range(self.options.retries + 1):
            try:
                self.sock = self._connect_once()
                return
            except OSError as error:
                if attempt == self.options.retries:
                    raise Failure("cannot reach a target at %s: %s; is it running? -s names another socket"
                                  % (self.options.addr, error.strerror or error)) from None
                time.sleep(0.2)

    def _show(self, what, text):
        if self.options.verbose:
            print("%s: %s" % (what, text), file=sys.stderr)

    def _receive(self, deadline):
        """The next reply. Every reply is one line."""
        pieces = [self.received]
        while b"\n" not in pieces[-1]:
            left = deadline - time.monotonic()
            if left <= 0:
                raise socket.timeout
            self.sock.settimeout(left)
            piece = self.sock.recv(1 << 20)
            if not piece:
                break
            pieces.append(piece)
        line, _, self.received = b"".join(pieces).partition(b"\n")
        if not line:
            raise Failure("the target at %s closed the connection" % self.options.addr)
        return line.decode()

    def call(self, method, params=None):
        request = {"jsonrpc": "2.0", "method": method, "id": self.next_id}
        self.next_id += 1
        if params is not None:
            request["params"] = params
        text = json.dumps(request)
        if self.sock is None:
            self.connect()
        self._show("request", text)
        deadline = time.monotonic() + self.options.timeout
        try:
            self.sock.settimeout(self.options.timeout)
            try:
                self.sock.sendall(text.encode() + b"\n")
            except (BrokenPipeError, ConnectionResetError):
                pass  # it may have said why
            reply = self._parse(self._receive(deadline))
            while reply.get("id") not in (request["id"], None):
                reply = self._parse(self._receive(deadline))
        except socket.timeout:
            raise Failure("%s: no reply from %s within %g s; -t SECS waits longer"
                          % (method, self.options.addr, self.options.timeout)) from None
        except OSError as error:
            raise Failure("%s: the connection to %s broke: %s"
                          % (method, self.options.addr, error.strerror or error)) from None
        if "error" in reply:
            raise RpcError(method, reply["error"])
        return reply.get("result")

    def _parse(self, line):
        self._show("response", line)
        try:
            reply = json.loads(line)
        except ValueError:
            reply = None
        if not isinstance(reply, dict):
            raise Failure("what answers at %s is not a JSON-RPC server" % self.options.addr)
        return reply

    def describe(self, method):
        """The description of a method, or None if the target gives none."""
        if method not in self.descriptions:
            try:
                found = self.call("rpc_describe_methods", {"method": method})
            except RpcError:
                # Not described here: an allow list without it, or another implementation.
                self.descriptions[method] = {"name": method}
            else:
                self.descriptions[method] = found[0] if found else None
        return self.descriptions[method]


# ---- arguments ----

def parse_integer(text):
    try:
        return int(text, 0)
    except ValueError:
        raise argparse.ArgumentTypeError("'%s' is not an integer" % text) from None


def parse_boolean(text):
    words = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
    if text.lower() not in words:
        raise argparse.ArgumentTypeError("'%s' is neither true nor false" % text)
    return words[text.lower()]


def parse_list(text):
    if text.startswith("["):
        return parse_json(text)
    return [item for item in re.split(r"[\s,]+", text) if item]


def parse_json(text):
    try:
        return json.loads(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError("'%s' is not JSON: %s" % (text, error)) from None


def parse_amount(text):
    try:
        return fractions.Fraction(text)
    except (ValueError, ZeroDivisionError):
        raise argparse.ArgumentTypeError("'%s' is not a number" % text) from None


def parse_enum(values):
    def parse(text):
        for value in values:
            if value.lower() == text.lower():
                return value
        raise argparse.ArgumentTypeError("'%s' is none of %s" % (text, ", ".join(values)))
    return parse


def parser_of(param):
    """The function that makes a JSON value of the text on the command line."""
    kind = param.get("type", "amount")
    if kind == "enum":
        return parse_enum(param["values"])
    if "int" in kind:
        return parse_integer
    return {"boolean": parse_boolean, "string_array": parse_list, "json": parse_json,
            "amount": parse_amount}.get(kind, str)


def guess(text):
    """The value of a parameter that nobody described."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def help_of(param):
    parts = [param.get("help", "")]
    if param.get("values"):
        parts.append("(one of: %s)" % ", ".join(param["values"]))
    if "max" in param:
        parts.append("(%d to %d)" % (param["min"], param["max"]))
    if param.get("default"):
        parts.append("(default: %s)" % param["default"])
    return " ".join(part for part in parts if part).replace("%", "%%")


class Method:
    """The command line of a described method."""

    def __init__(self, description):
        self.name = description["name"]
        self.params = {param["name"]: param for param in description.get("params", [])}
        self.cli_params = {param["name"]: param for param in description.get("cli_params", [])}
        self.all = {**self.params, **self.cli_params}
        self.targets = {param["target"] for param in self.cli_params.values()}
        self.parser = self._make_parser(description)

    def _make_parser(self, description):
        parser = argparse.ArgumentParser(
            prog="rpc.py " + self.name, description=description.get("summary"), allow_abbrev=False,
            epilog="result: " + description["result"].replace("%", "%%") if description.get("result") else None)
        for param in sorted(self.all.values(), key=lambda param: param.get("position", 0)):
            if param.get("position"):
                self._add_position(parser, param)
            else:
                self._add_option(parser, param)
        return parser

    def _is_required(self, param):
        return bool(param.get("required")) and param["name"] not in self.targets

    def _add_position(self, parser, param):
        many = param.get("type") == "string_array"
        required = self._is_required(param)
        nargs = ("+" if required else "*") if many else (None if required else "?")
        parser.add_argument(param["name"], metavar=param["name"].upper(), nargs=nargs, type=parser_of(param),
                            default=None, help=help_of(param))

    def _add_option(self, parser, param):
        flags = ["-" + param["option"]] if param.get("option") else []
        flags.append("--" + param["name"].replace("_", "-"))
        common = {"dest": param["name"], "default": None, "required": self._is_required(param),
                  "help": help_of(param)}
        if param.get("opposite"):
            common.update(required=False, default=True)
        if param.get("type") == "boolean":
            parser.add_argument(*flags, action=argparse.BooleanOptionalAction, **common)
            if param.get("opposite"):
                self._add_opposite(parser, param)
            return
        if param.get("type") == "string_array":
            common["action"] = "append"
        parser.add_argument(*flags, type=parser_of(param), metavar=param["name"].upper(), **common)

    @staticmethod
    def _add_opposite(parser, param):
        flags = ["-" + param["opposite_option"]] if param.get("opposite_option") else []
        parser.add_argument(*flags, "--" + param["opposite"].replace("_", "-"), dest=param["name"],
                            action="store_false", default=True, help="the opposite of --" + param["name"])

    def parse(self, words):
        keys = [word.partition("=")[0] for word in words]
        if words and all("=" in word for word in words) and all(key in self.all for key in keys):
            values = self._parse_pairs(words)
        else:
            words = [self._dashed(word) for word in words]
            values = {name: value for name, value in vars(self.parser.parse_intermixed_args(words)).items()
                      if value is not None and value != []}
        self._flatten_lists(values)
        self._apply_cli_params(values)
        for name, param in self.params.items():
            if param.get("required") and name not in values:
                self.parser.error("%s is missing: %s" % (name, param.get("help", "it is required")))
        return values

    @staticmethod
    def _dashed(word):
        """--long_option as --long-option."""
        name, equals, value = word.partition("=")
        return name.replace("_", "-") + equals + value if word.startswith("--") else word

    def _parse_pairs(self, words):
        values = {}
        for word in words:
            key, _, text = word.partition("=")
            try:
                values[key] = parser_of(self.all[key])(text)
            except argparse.ArgumentTypeError as error:
                self.parser.error("%s: %s" % (key, error))
        return values

    def _flatten_lists(self, values):
        for name, value in values.items():
            if self.all[name].get("type") == "string_array" and value and isinstance(value[0], list):
                values[name] = [item for items in value for item in items]

    def _apply_cli_params(self, values):
        for name, param in self.cli_params.items():
            if name not in values:
                continue
            target, divisor = param["target"], param.get("divisor")
            if target in values:
                self.parser.error("either %s or %s, not both" % (name, target))
            if divisor and not values.get(divisor):
                self.parser.error("%s needs %s, not 0" % (name, divisor))
            values[target] = int(values.pop(name) * param["multiplier"] // (values[divisor] if divisor else 1))


# ---- commands of this program ----

def check_config_entry(entry, where):
    if not isinstance(entry, dict) or not isinstance(entry.get("method"), str):
        raise Failure("%s is not an object with a method" % where)


def read_config(path):
    try:
        if path is None:
            text = sys.stdin.read()
        else:
            with open(path, encoding="utf-8") as file:
                text = file.read()
        return json.loads(strip_comments(text))
    except OSError as error:
        raise Failure("%s: %s" % (path, error.strerror)) from None
    except ValueError as error:
        raise Failure("%s: %s" % (path or "standard input", error)) from None


def subsystem_config(client, name):
    return {"subsystem": name, "config": client.call("framework_get_config", {"name": name})}


def entries_of(subsystems):
    """All entries of a configuration in order, checked before any is carried out."""
    if not isinstance(subsystems, list):
        raise Failure("a configuration is an object with an array 'subsystems'")
    for subsystem in subsystems:
        if not isinstance(subsystem, dict) or "subsystem" not in subsystem:
            raise Failure("each of the subsystems must be an object with 'subsystem' and 'config'")
        for index, entry in enumerate(subsystem.get("config") or []):
            check_config_entry(entry, "entry %d of subsystem %s" % (index + 1, subsystem["subsystem"]))
            yield entry


def load_entries(client, subsystems):
    entries = list(entries_of(subsystems))
    known = set(client.call("rpc_get_methods", {"include_aliases": True}))
    for entry in entries:
        if entry["method"] not in known:
            raise Failure("the target has no method %s: nothing was loaded" % entry["method"])
    current = set(client.call("rpc_get_methods", {"current": True, "include_aliases": True}))
    if "framework_start_init" in current:
        for entry in entries:
            if entry["method"] in current:
                client.call(entry["method"], entry.get("params"))
        entries = [entry for entry in entries if entry["method"] not in current]
        client.call("framework_start_init")
        current = set(client.call("rpc_get_methods", {"current": True, "include_aliases": True}))
    for entry in entries:
        if entry["method"] in current:
            client.call(entry["method"], entry.get("params"))
        else:
            print("rpc.py: %s was left out: it is possible only before the target is initialized"
                  % entry["method"], file=sys.stderr)


def command_parser(name, help_text):
    return argparse.ArgumentParser(prog="rpc.py " + name, description=help_text + ".")


def save_config(client, words):
    parser = command_parser("save_config", COMMANDS["save_config"][1])
    parser.add_argument("-i", "--indent", type=int, default=2, help="blanks for each level (default: 2)")
    args = parser.parse_args(words)
    names = [subsystem["subsystem"] for subsystem in client.call("framework_get_subsystems")]
    config = {"subsystems": [subsystem_config(client, name) for name in names]}
    print(json.dumps(config, indent=args.indent if args.indent >= 0 else None))


def save_subsystem_config(client, words):
    parser = command_parser("save_subsystem_config", COMMANDS["save_subsystem_config"][1])
    parser.add_argument("-n", "--name", required=True, help="name of the subsystem")
    parser.add_argument("-i", "--indent", type=int, default=2, help="blanks for each level (default: 2)")
    args = parser.parse_args(words)
    print(json.dumps(subsystem_config(client, args.name), indent=args.indent if args.indent >= 0 else None))


def config_argument(name, words):
    parser = command_parser(name, COMMANDS[name][1])
    parser.add_argument("-j", "--json-config", metavar="FILE", help="read from this file (default: standard input)")
    return read_config(parser.parse_args(words).json_config)


def load_config(client, words):
    config = config_argument("load_config", words)
    load_entries(client, config.get("subsystems") if isinstance(config, dict) else None)


def load_subsystem_config(client, words):
    load_entries(client, [config_argument("load_subsystem_config", words)])


COMMANDS = {
    "save_config": (save_config, "Print the whole configuration of the target, as load_config and --json read it"),
    "load_config": (load_config, "Carry out all of a saved configuration, and start the target if it waits for that"),
    "save_subsystem_config": (save_subsystem_config, "Print the configuration of one subsystem"),
    "load_subsystem_config": (load_subsystem_config, "Carry out the saved configuration of one subsystem"),
}


# ---- running a command ----

def print_result(result):
    print(result if isinstance(result, str) else json.dumps(result, indent=2))


def print_methods(client):
    groups = {}
    for method in client.call("rpc_describe_methods"):
        if method["name"] not in COMMANDS:
            groups.setdefault(method["name"].partition("_")[0], {})[method["name"]] = method.get("summary", "")
    for name, (_, summary) in COMMANDS.items():
        groups.setdefault("configuration", {})[name] = summary
    for group in sorted(groups):
        print("\n%s:" % group)
        for name in sorted(groups[group]):
            lines = textwrap.wrap(groups[group][name].rstrip("."), 78) or [""]
            print(("  %-33s %s" % (name, lines[0])).rstrip())
            for line in lines[1:]:
                print("  %-33s %s" % ("", line))


def print_help(client):
    print(USAGE, end="")
    try:
        print_methods(client)
    except Failure as failure:
        print("\n(no list of methods: %s)" % failure)


def undescribed_params(method, words):
    """Parameters of a method that the target has, but does not describe."""
    if len(words) == 1 and words[0].startswith("{"):
        return guess(words[0])
    for word in words:
        if "=" not in word or not plain(word.partition("=")[0]):
            raise Failure("%s: '%s' is not key=value, and the target does not describe this method"
                          % (method, word), EXIT_USAGE)
    return {word.partition("=")[0]: guess(word.partition("=")[2]) for word in words}


def run(client, words):
    method, words = words[0], words[1:]
    if method in COMMANDS:
        COMMANDS[method][0](client, words)
        return
    description = client.describe(method)
    if description is None:
        raise Failure("the target at %s has no method '%s'; rpc.py -h lists those it has"
                      % (client.options.addr, method), EXIT_USAGE)
    if "params" in description:
        params = Method(description).parse(words)
    elif words in (["-h"], ["--help"]):
        print("usage: rpc.py %s key=value ...\n\nThe target does not describe this method." % method)
        return
    else:
        params = undescribed_params(method, words)
    if client.options.dry_run:
        print_result({"jsonrpc": "2.0", "method": method, "id": client.next_id, **({"params": params} if params else {})})
        return
    print_result(client.call(method, params or None))
    sys.stdout.flush()


def run_lines(client, lines):
    for number, line in enumerate(lines, 1):
        try:
            words = shlex.split(line, comments=True)
        except ValueError as error:
            raise Failure("line %d: %s" % (number, error), EXIT_USAGE) from None
        if not words:
            continue
        if words[0] == "rpc.py":
            words = words[1:]
        try:
            run(client, words)
        except Failure as failure:
            raise Failure("line %d: %s" % (number, failure), failure.status) from None


class Options:
    """The options in front of the method."""

    def __init__(self, argv):
        self.addr = DEFAULT_ADDR
        self.port = None
        self.timeout = 60.0
        self.retries = 0
        self.verbose = self.dry_run = self.help = self.version = False
        try:
            pairs, self.words = getopt.getopt(argv, "s:p:t:r:vh", [
                "server=", "port=", "timeout=", "retries=", "verbose", "dry-run", "dry_run", "version", "help"])
            for option, value in pairs:
                self._set(option.lstrip("-"), value)
        except (getopt.GetoptError, ValueError) as error:
            raise Failure("%s; rpc.py -h tells how to use it" % error, EXIT_USAGE) from None

    def _set(self, option, value):
        if option in ("s", "server"):
            self.addr = value
        elif option in ("p", "port"):
            self.port = int(value)
        elif option in ("t", "timeout"):
            self.timeout = float(value)
        elif option in ("r", "retries"):
            self.retries = max(0, int(value))
        elif option in ("v", "verbose"):
            self.verbose = True
        elif option in ("dry-run", "dry_run"):
            self.dry_run = True
        elif option in ("h", "help"):
            self.help = True
        else:
            self.version = True


def main(argv):
    options = Options(argv)
    client = Client(options)
    if options.version:
        print("rpc.py (bdevkit) %s" % VERSION)
    elif options.help:
        print_help(client)
    elif options.words:
        run(client, options.words)
    elif not sys.stdin.isatty():
        run_lines(client, sys.stdin)
    else:
        print(USAGE, end="", file=sys.stderr)
        return EXIT_USAGE
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except Failure as failure:
        print("rpc.py: %s" % failure, file=sys.stderr)
        sys.exit(failure.status)
    except BrokenPipeError:
        # Who reads the output has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(EXIT_FAILED)
    except KeyboardInterrupt:
        sys.exit(130)
