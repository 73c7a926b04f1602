/* proto.h - what host and guest have agreed upon: names, the boot record, the agent protocol.
 *
 * Included by the host (drivers/guest, drivers/vmm) and by the guest program (drivers/guest/inside),
 * so it includes nothing of ours. A reader ignores members that it does not know.
 *
 * ---- devices ----------------------------------------------------------------------------
 * Disks in this order: /dev/vda root file system (ext4, read-write), /dev/vdb boot record
 * (read-only). virtio-serial ports by name (/sys/class/virtio-ports/PORT/name):
 *
 *	reconcile.agent.0 .. 3   agent protocol; one client each
 *	reconcile.report         guest -> host, lines of JSON that the host keeps in a file
 *	reconcile.output         guest -> host, stdout and stderr of the workload, kept in a file
 *
 * In what goes to reconcile.output stand lines of exactly GUEST_MARK_BYTES bytes, GUEST_MARK_FORMAT of
 * the second (since 1970) in which what follows was written: at most one each second. The host takes
 * them out again when it shows the file.
 *
 * Where the guest has a vsock device, the agent protocol is also served on vsock port 1024.
 *
 * ---- boot record (on /dev/vdb) ------------------------------------------------------------
 *	bytes 0..7    "RCBOOT1\n"
 *	bytes 8..15   length of the JSON text, 8 lower-case hex digits
 *	byte  16      "\n"
 *	bytes 17..    JSON text, then zeros up to a multiple of 4096 bytes
 *
 *	{"v": 1, "vm": "web", "instance": "1a2b3c4d", "nonce": "16 hex digits, new at each boot",
 *	 "hostname": "web",
 *	 "init": "auto" | "builtin" | "image",
 *	 "argv": [...],           the workload; may be empty
 *	 "env": ["NAME=value"],   "cwd": "/",   "user": "name|uid[:group|gid]" or "",
 *	 "stop_signal": "SIGTERM", "stop_grace_ms": 10000,
 *	 "net": [{"mac": "52:54:00:12:34:56", "address": "10.0.2.15/24", "gateway": "10.0.2.2",
 *	          "mtu": 1500, "dns": ["10.0.2.3"]}],
 *	 "power": "off" | "reboot"}   how the guest ends this VMM (reboot(2): RB_POWER_OFF, RB_AUTOBOOT)
 *
 * init auto: the image's own init when argv names one (/sbin/init, /init, .../systemd) or when argv
 * is empty and /sbin/init is there; else the guest program stays PID 1 and runs argv. With nothing
 * to run it stays up with only the agent.
 *
 * ---- report (reconcile.report) ------------------------------------------------------------
 *	{"v":1,"nonce":N,"ev":"boot","boot_id":"..."}     PID 1 runs
 *	{"v":1,"nonce":N,"ev":"ready"}                    the workload is started, the agent answers;
 *	                                                  where one cannot be, there is no agent
 *	{"v":1,"nonce":N,"ev":"exit","code":3}            the workload ended; power off follows
 *	{"v":1,"nonce":N,"ev":"exit","signal":9}
 *	{"v":1,"nonce":N,"ev":"stop"}                     the host asked to power off
 *	{"v":1,"nonce":N,"ev":"error","msg":"..."}        it could not be started; an exit with code
 *	                                                  126 or 127 may follow, which tells no more
 *
 * ---- agent protocol -------------------------------------------------------------------------
 * Lines of at most GUEST_LINE_MAX bytes, each one JSON object, ended by "\n". The host speaks first:
 * "\n" (ends a half line of a client that died) and a hello. What comes before the answer that
 * repeats its nonce is thrown away: it was for an earlier client. A hello that is not answered is
 * said again after GUEST_DATA_MAX + 2 newlines, which end half a piece of data too.
 *
 *	> {"v":2,"id":1,"op":"hello","nonce":"16 hex digits of this client"}
 *	< {"id":1,"ok":true,"v":2,"nonce":"the same","boot_nonce":"of the boot record",
 *	   "boot_id":"guest kernel's","agent":"0.1.0"}
 *
 * Both speak the lower of the two versions. Version 1: a channel carries one operation at a time; a
 * further request while one runs is refused with errno EBUSY; data is the member "data", base64 (RFC
 * 4648, padded) of at most GUEST_DATA_MAX bytes; there are no credits, no side sends more than the
 * other reads. Version 2:
 *
 *	streams    requests run side by side, each under its own id, on all channels together as
 *	           many as the guest has room for (EBUSY); an id that still runs is EEXIST
 *	data       a line with "raw":N, 1 to GUEST_DATA_MAX, is followed by N bytes and GUEST_RAW_END
 *	credit     in each direction of a stream at most GUEST_STREAM_WINDOW bytes of data are under
 *	           way; who has dealt with some says {"op":"credit","to":4,"n":16384} or
 *	           {"id":4,"ev":"credit","n":16384}. stdout and stderr share one window. So each side
 *	           can always read what comes, and no stream holds up another, nor a signal
 *
 *	> {"id":2,"op":"ping"}                    < {"id":2,"ok":true}
 *	> {"id":3,"op":"status"}                  < {"id":3,"ok":true,"uptime_ms":..,"load1":"0.12",
 *	   "mem_total":bytes,"mem_available":bytes,"root_size":bytes,"root_free":bytes,
 *	   "workload":"none|running|exited","pid":..,"code":..,"signal":..}
 *	> {"id":4,"op":"exec","argv":[..],"env":["A=b"],"cwd":"/x","user":"..","stdin":true,
 *	   "tty":true,"rows":24,"cols":80,"detach":true}
 *	                                          env is added to the workload's; cwd and user
 *	                                          default to the workload's; tty: one terminal for
 *	                                          all three, what it puts out is stdout; detach: in
 *	                                          the background, "ok" follows "started" at once
 *	                                          builtin probe: argv "@probe","tcp","80" or
 *	                                          "@probe","http","80","/path" runs no file of the
 *	                                          image; code 0: a server of the guest answers well, 1:
 *	                                          it does not, why is on stderr.
 *	                                          builtin dial: argv "@dial","22" joins stdin and stdout
 *	                                          with a connection to that port of the guest
 *	< {"id":4,"ev":"started","pid":77}
 *	> {"op":"stdin","to":4,"raw":3}abc;       > {"op":"stdin","to":4,"eof":true}
 *	> {"op":"signal","to":4,"signal":"INT"}   TERM KILL INT HUP QUIT USR1 USR2
 *	> {"op":"resize","to":4,"rows":24,"cols":80}
 *	> {"op":"detach","to":4}                  it runs on without us: < {"id":4,"ok":true}
 *	< {"id":4,"ev":"stdout","raw":..}         < {"id":4,"ev":"stderr","raw":..}
 *	< {"id":4,"ev":"exit","code":0}           or "signal":N; comes last, after all output
 *	> {"id":5,"op":"read_file","path":"/etc/motd"}
 *	< {"id":5,"ev":"data","raw":..}*          < {"id":5,"ok":true,"size":N,"mode":420}
 *	> {"id":6,"op":"write_file","path":"/x","mode":420}
 *	> {"op":"data","to":6,"raw":..}*          > {"op":"data","to":6,"eof":true}
 *	< {"id":6,"ok":true,"size":N}             the file is replaced by rename when all is there
 *	> {"id":7,"op":"sync"}                    < {"id":7,"ok":true}   after sync(2) returned
 *	> {"id":8,"op":"poweroff","grace_ms":10000}
 *	< {"id":8,"ok":true}                      then: StopSignal, grace, KILL, sync, power off
 *	> {"id":9,"op":"connect","port":80,"host":"an address; without one: the guest's own"}
 *	< {"id":9,"ev":"connected","port":80}     a TCP connection from within the guest
 *	> {"op":"data","to":9,"raw":..}           < {"id":9,"ev":"data","raw":..}
 *	> {"op":"data","to":9,"eof":true}         < {"id":9,"ev":"eof","port":80}   each direction
 *	< {"id":9,"ok":true}                      after the end of both
 *
 * Any request can fail: {"id":N,"ok":false,"errno":"ENOENT","error":"text for people"}.
 *
 * When the host closes a channel, what ran on it gets SIGHUP, then SIGKILL, connections are closed,
 * and its half-written temporary file is removed. Neither side trusts the other: lengths, types and
 * ids are checked; who sends more than its credit ends the stream.
 */
#pragma once

#define GUEST_RECORD_VERSION 1 /* boot record and report */
#define GUEST_PROTO_VERSION 2  /* agent protocol, the highest that is spoken */
#define GUEST_LINE_MAX 65536
#define GUEST_DATA_MAX 32768
#define GUEST_RAW_END ";\n"
#define GUEST_RAW_END_N 2
#define GUEST_STREAM_WINDOW 131072
#define GUEST_CREDIT_MAX (16 * 1024 * 1024)
#define GUEST_VSOCK_PORT 1024
#define GUEST_AGENT_PORTS 4
#define GUEST_PORT_AGENT "reconcile.agent."
#define GUEST_PORT_REPORT "reconcile.report"
#define GUEST_PORT_OUTPUT "reconcile.output"
#define GUEST_MARK_FORMAT "\036@%011lld\n"
#define GUEST_MARK_BYTES 14
#define GUEST_BUILTIN_PROBE "@probe"
#define GUEST_BUILTIN_DIAL "@dial"
#define GUEST_BOOT_MAGIC "RCBOOT1\n"
#define GUEST_BOOT_MAX (1024 * 1024)
