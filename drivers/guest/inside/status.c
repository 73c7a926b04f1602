/* status.c - the agent's operation "status". */
#include "drivers/guest/inside/status.h"

#include "drivers/guest/inside/chan.h"
#include "drivers/guest/inside/guest.h"
#include "drivers/guest/inside/jsonlite.h"
#include "drivers/guest/inside/jsonout.h"
#include "drivers/guest/inside/sysfile.h"

#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

/* Bytes of one line of /proc/meminfo ("MemTotal:  234 kB"), 0 if it is not there. */
static int64_t meminfo(const char *text, const char *name)
{
	const char *line = strstr(text, name);

	return line ? strtoll(line + strlen(name), NULL, 10) * 1024 : 0;
}

static void put_memory(struct jsonout *w)
{
	struct why why;
	size_t n;
	char *text = sysfile_read("/proc/meminfo", 8192, &n, &why);

	if (!text)
		return;
	jsonout_int(w, "mem_total", meminfo(text, "MemTotal:"));
	jsonout_int(w, "mem_available", meminfo(text, "MemAvailable:"));
	free(text);
}

static void put_root(struct jsonout *w)
{
	struct statvfs v;

	if (statvfs("/", &v) < 0)
		return;
	jsonout_int(w, "root_size", (int64_t)v.f_blocks * (int64_t)v.f_frsize);
	jsonout_int(w, "root_free", (int64_t)v.f_bavail * (int64_t)v.f_frsize);
}

static void put_workload(struct jsonout *w, const struct workload *work)
{
	static const char *const names[] = {"none", "running", "exited"};

	jsonout_str(w, "workload", names[work->state]);
	if (work->state == WORKLOAD_RUNNING)
		jsonout_int(w, "pid", work->pid);
	if (work->state == WORKLOAD_EXITED && work->signal)
		jsonout_int(w, "signal", work->signal);
	else if (work->state == WORKLOAD_EXITED)
		jsonout_int(w, "code", work->code);
}

void status_send(struct chan *ch, const struct jsonlite_node *req)
{
	char load[64];
	struct jsonout w;

	chan_line(ch, &w, jsonlite_int(req, "id", 0));
	jsonout_flag(&w, "ok", true);
	jsonout_int(&w, "uptime_ms", loop_now_ms());
	if (sysfile_line("/proc/loadavg", load, sizeof(load))) {
		load[strcspn(load, " ")] = '\0';
		jsonout_str(&w, "load1", load);
	}
	put_memory(&w);
	put_root(&w);
	put_workload(&w, &ch->guest->work);
	chan_line_done(ch, &w);
}
