/* report.c - tell the host what happens. */
#include "drivers/guest/inside/report.h"

#include "drivers/guest/inside/jsonout.h"
#include "drivers/guest/proto.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

static void ready(void *arg, uint32_t events)
{
	(void)events;
	report_flush(arg, 0);
}

void report_init(struct report *r, int fd, const char *nonce)
{
	*r = (struct report){.fd = fd, .nonce = nonce, .source = {.ready = ready, .arg = r}};
}

void report_event(struct report *r, const char *ev, const char *key, const char *text, int number)
{
	struct jsonout w;

	jsonout_open(&w, r->buf + r->n, sizeof(r->buf) - r->n);
	jsonout_int(&w, "v", GUEST_RECORD_VERSION);
	jsonout_str(&w, "nonce", r->nonce);
	jsonout_str(&w, "ev", ev);
	if (key && text)
		jsonout_str(&w, key, text);
	else if (key)
		jsonout_int(&w, key, number);
	r->n += jsonout_close(&w);
	report_flush(r, 0);
}

void report_flush(struct report *r, int timeout_ms)
{
	struct pollfd p = {.fd = r->fd, .events = POLLOUT};

	while (r->fd >= 0 && r->n) {
		ssize_t done = write(r->fd, r->buf, r->n);

		if (done > 0) {
			r->n -= (size_t)done;
			memmove(r->buf, r->buf + done, r->n);
		} else if (done < 0 && errno == EINTR) {
			continue;
		} else if (!timeout_ms || poll(&p, 1, timeout_ms) <= 0 || !(p.revents & POLLOUT)) {
			return;
		}
	}
}
