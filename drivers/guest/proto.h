/* proto.h - what host and guest have agreed upon: names, the boot record, the agent protocol.
 *
 * Included by the host (drivers/guest, drivers/vmm) and by the guest program (drivers/guest/inside),
 * so it includes nothing of ours. Version 1. A reader ignores members that it does not know.
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
 * Lines of at most GUEST_LINE_MAX bytes, each one JSON object, ended by "\n". Binary data is
 * base64 (RFC 4648, padded), at most GUEST_DATA_MAX bytes before encoding. A channel carries one
 * operation at a time; a further request while one runs is refused with errno EBUSY, but "stdin",
 * "data" and "signal" belong to the one that runs.
 *
 * The host speaks first: "\n" (ends a half line of a client that died) and a hello. What comes
 * before the answer that repeats its nonce is thrown away: it was for an earlier client.
 *
 *	> {"v":1,"id":1,"op":"hello","nonce":"16 hex digits of this client"}
 *	< {"id":1,"ok":true,"v":1,"nonce":"the same","boot_nonce":"of the boot record",
 *	   "boot_id":"guest kernel's","agent":"0.1.0"}
 *
 *	> {"id":2,"op":"ping"}                    < {"id":2,"ok":true}
 *	> {"id":3,"op":"status"}                  < {"id":3,"ok":true,"uptime_ms":..,"load1":"0.12",
 *	   "mem_total":bytes,"mem_available":bytes,"root_size":bytes,"root_free":bytes,
 *	   "workload":"none|running|exited","pid":..,"code":..,"signal":..}
 *	> {"id":4,"op":"exec","argv":[..],"env":["A=b"],"cwd":"/x","user":"..","stdin":true}
 *	                                          env is added to the workload's; cwd and user
 *	                                          default to the workload's
 *	                                          builtin probe: argv "@probe","tcp","80" or
 *	                                          "@probe","http","80","/path" runs no file of the
 *	                                          image; code 0: a server of the guest answers well, 1:
 *	                                          it does not, why is on stderr.
 *	                                          builtin dial: argv "@dial","22" joins stdin and stdout
 *	                                          with a connection to that port of the guest
 *	< {"id":4,"ev":"started","pid":77}
 *	> {"op":"stdin","to":4,"data":"base64"}   > {"op":"stdin","to":4,"eof":true}
 *	> {"op":"signal","to":4,"signal":"INT"}   TERM KILL INT HUP QUIT USR1 USR2
 *	< {"id":4,"ev":"stdout","data":".."}      < {"id":4,"ev":"stderr","data":".."}
 *	< {"id":4,"ev":"exit","code":0}           or "signal":N; comes last, after all output
 *	> {"id":5,"op":"read_file","path":"/etc/motd"}
 *	< {"id":5,"ev":"data","data":".."}*       < {"id":5,"ok":true,"size":N,"mode":420}
 *	> {"id":6,"op":"write_file","path":"/x","mode":420}
 *	> {"op":"data","to":6,"data":".."}*       > {"op":"data","to":6,"eof":true}
 *	< {"id":6,"ok":true,"size":N}             the file is replaced by rename when all is there
 *	> {"id":7,"op":"sync"}                    < {"id":7,"ok":true}   after sync(2) returned
 *	> {"id":8,"op":"poweroff","grace_ms":10000}
 *	< {"id":8,"ok":true}                      then: StopSignal, grace, KILL, sync, power off
 *
 * Any request can fail: {"id":N,"ok":false,"errno":"ENOENT","error":"text for people"}.
 *
 * When the host closes a channel, what ran on it gets SIGHUP, then SIGKILL, and its half-written
 * temporary file is removed. Neither side trusts the other: lengths, types and ids are checked.
 */
#pragma once

#define GUEST_PROTO_VERSION 1
#define GUEST_LINE_MAX 65536
#define GUEST_DATA_MAX 32768
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
