/* SPDX-License-Identifier: BSD-3-Clause */

/* Addresses of listeners as text, and the URIs that lead to exports. */

#include "export/nbd/nbd_internal.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <sys/un.h>

#define UNIX_PREFIX "unix:"
#define TCP_PREFIX "tcp:"

/* ---- parsing ---- */

/* A relative path is made absolute, so that the address and its URIs hold for whoever reads them. */
static int
parse_unix(const char *given, struct nbd_address *address)
{
	struct sockaddr_un *un = (struct sockaddr_un *)&address->sockaddr;
	char cwd[sizeof(un->sun_path)], absolute[2 * sizeof(un->sun_path)];
	const char *path = given;
	size_t length;

	if (given[0] != '/' && given[0] != '\0' && strlen(given) < sizeof(un->sun_path) &&
		getcwd(cwd, sizeof(cwd)) != NULL) {
		snprintf(absolute, sizeof(absolute), "%s/%s", cwd, given);
		path = strlen(absolute) < sizeof(un->sun_path) ? absolute : given;
	}
	length = strlen(path);

	if (length == 0) {
		return -EINVAL;
	}
	if (length >= sizeof(un->sun_path)) {
		return -ENAMETOOLONG;
	}
	un->sun_family = AF_UNIX;
	memcpy(un->sun_path, path, length + 1);
	address->length = offsetof(struct sockaddr_un, sun_path) + length + 1;
	return 0;
}

static int
parse_port(const char *text, in_port_t *port)
{
	char *end;
	unsigned long value;

	if (text[0] < '0' || text[0] > '9') {
		return -EINVAL;
	}
	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno != 0 || *end != '\0' || value > UINT16_MAX) {
		return -EINVAL;
	}
	*port = htons(value);
	return 0;
}

static int
set_ipv4(const char *host, in_port_t port, struct nbd_address *address)
{
	struct sockaddr_in *in = (struct sockaddr_in *)&address->sockaddr;

	in->sin_family = AF_INET;
	in->sin_port = port;
	address->length = sizeof(*in);
	return inet_pton(AF_INET, host, &in->sin_addr) == 1 ? 0 : -EINVAL;
}

static int
set_ipv6(const char *host, in_port_t port, struct nbd_address *address)
{
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&address->sockaddr;

	in6->sin6_family = AF_INET6;
	in6->sin6_port = port;
	address->length = sizeof(*in6);
	return inet_pton(AF_INET6, host, &in6->sin6_addr) == 1 ? 0 : -EINVAL;
}

/* Names are not looked up: that would hold up the reactor. */
static int
parse_tcp(const char *text, struct nbd_address *address)
{
	const char *colon = strrchr(text, ':');
	char host[INET6_ADDRSTRLEN + 2];
	size_t length = colon == NULL ? 0 : (size_t)(colon - text);
	in_port_t port;

	if (length >= sizeof(host) || parse_port(colon == NULL ? text : colon + 1, &port) != 0) {
		return -EINVAL;
	}
	memcpy(host, text, length);
	host[length] = '\0';
	if (length == 0 || strcmp(host, "localhost") == 0) {
		return set_ipv4("127.0.0.1", port, address);
	}
	if (strcmp(host, "*") == 0) {
		/* The IPv6 socket takes IPv4 clients too. */
		return set_ipv6("::", port, address);
	}
	if (host[0] == '[' && host[length - 1] == ']') {
		host[length - 1] = '\0';
		return set_ipv6(host + 1, port, address);
	}
	return set_ipv4(host, port, address);
}

int
nbd_address_parse(const char *text, struct nbd_address *address)
{
	int rc = -EINVAL;

	memset(address, 0, sizeof(*address));
	if (strncmp(text, UNIX_PREFIX, strlen(UNIX_PREFIX)) == 0) {
		rc = parse_unix(text + strlen(UNIX_PREFIX), address);
	} else if (strncmp(text, TCP_PREFIX, strlen(TCP_PREFIX)) == 0) {
		rc = parse_tcp(text + strlen(TCP_PREFIX), address);
	}
	if (rc == 0) {
		nbd_address_format(address);
	}
	return rc;
}

void
nbd_address_format(struct nbd_address *address)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)&address->sockaddr;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&address->sockaddr;
	const struct sockaddr_un *un = (const struct sockaddr_un *)&address->sockaddr;
	char host[INET6_ADDRSTRLEN];

	switch (address->sockaddr.ss_family) {
	case AF_INET:
		inet_ntop(AF_INET, &in->sin_addr, host, sizeof(host));
		snprintf(address->text, sizeof(address->text), TCP_PREFIX "%s:%u", host, ntohs(in->sin_port));
		break;
	case AF_INET6:
		if (IN6_IS_ADDR_UNSPECIFIED(&in6->sin6_addr)) {
			snprintf(address->text, sizeof(address->text), TCP_PREFIX "*:%u", ntohs(in6->sin6_port));
			break;
		}
		inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof(host));
		snprintf(address->text, sizeof(address->text), TCP_PREFIX "[%s]:%u", host, ntohs(in6->sin6_port));
		break;
	default:
		snprintf(address->text, sizeof(address->text), UNIX_PREFIX "%s", un->sun_path);
		break;
	}
}

/* ---- strings ---- */

bool
nbd_string_is_valid(const char *string, size_t n)
{
	const uint8_t *p = (const uint8_t *)string;
	const uint8_t *end = p + n;

	while (p < end) {
		uint32_t code, length;

		if (*p < 0x80) {
			code = *p;
			length = 1;
		} else if (*p >= 0xc2 && *p < 0xe0) {
			code = *p & 0x1f;
			length = 2;
		} else if (*p >= 0xe0 && *p < 0xf0) {
			code = *p & 0x0f;
			length = 3;
		} else if (*p >= 0xf0 && *p < 0xf5) {
			code = *p & 0x07;
			length = 4;
		} else {
			return false;
		}
		if ((size_t)(end - p) < length) {
			return false;
		}
		for (uint32_t i = 1; i < length; i++) {
			if ((p[i] & 0xc0) != 0x80) {
				return false;
			}
			code = code << 6 | (p[i] & 0x3f);
		}
		/* No terminator, no over-long form, no surrogate, nothing beyond the last code point. */
		if (code == 0 || (length == 3 && (code < 0x800 || (code >= 0xd800 && code < 0xe000))) ||
			(length == 4 && (code < 0x10000 || code > 0x10ffff))) {
			return false;
		}
		p += length;
	}
	return true;
}

/* ---- URIs ---- */

struct writer {
	char *out;
	size_t size;
	size_t length;
};

static void
put_char(struct writer *writer, char c)
{
	if (writer->length + 1 < writer->size) {
		writer->out[writer->length] = c;
	}
	writer->length++;
}

static void
put(struct writer *writer, const char *text)
{
	while (*text != '\0') {
		put_char(writer, *text++);
	}
}

/* Percent-encodes all but what may stand in a path segment and in a query value alike. */
static void
put_encoded(struct writer *writer, const char *text, const char *also_plain)
{
	static const char digits[] = "0123456789ABCDEF";

	for (; *text != '\0'; text++) {
		uint8_t c = *text;

		if (isalnum(c) || strchr("-._~", c) != NULL || strchr(also_plain, c) != NULL) {
			put_char(writer, c);
		} else {
			put_char(writer, '%');
			put_char(writer, digits[c >> 4]);
			put_char(writer, digits[c & 15]);
		}
	}
}

int
bdk_nbd_format_uri(const char *text, const char *export_name, char *uri, size_t size)
{
	struct writer writer = {.out = uri, .size = size};
	struct nbd_address address;
	int rc = nbd_address_parse(text, &address);

	if (rc != 0) {
		return rc;
	}
	if (address.sockaddr.ss_family == AF_UNIX) {
		put(&writer, "nbd+unix:///");
		put_encoded(&writer, export_name, "/:@");
		put(&writer, "?socket=");
		put_encoded(&writer, address.text + strlen(UNIX_PREFIX), "/:@");
	} else {
		const char *host = address.text + strlen(TCP_PREFIX);

		put(&writer, "nbd://");
		if (host[0] == '*') {
			/* Where a client on this machine finds it. */
			put(&writer, "localhost");
			host++;
		}
		put(&writer, host);
		put(&writer, "/");
		put_encoded(&writer, export_name, "/:@");
	}
	if (writer.length >= size) {
		return -ENOSPC;
	}
	uri[writer.length] = '\0';
	return writer.length;
}
