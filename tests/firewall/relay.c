/* relay.c - a VM that is a network namespace: carries frames between a tap of the host and one in the
 * namespace, as a VMM does between a tap and the guest's card.
 *
 *	relay HOST-TAP NAMESPACE-FILE MAC     the guest's interface is eth0, made here; runs until killed
 */
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

static int attach(const char *name)
{
	struct ifreq r = {.ifr_flags = IFF_TAP | IFF_NO_PI};
	const int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", name);
	return fd >= 0 && ioctl(fd, TUNSETIFF, &r) == 0 ? fd : -1;
}

static int set_mac(int fd, const char *text)
{
	struct ifreq r = {.ifr_hwaddr = {.sa_family = ARPHRD_ETHER}};
	unsigned m[6];

	if (sscanf(text, "%x:%x:%x:%x:%x:%x", m, m + 1, m + 2, m + 3, m + 4, m + 5) != 6)
		return -1;
	for (int i = 0; i < 6; i++)
		r.ifr_hwaddr.sa_data[i] = (char)m[i];
	return ioctl(fd, SIOCSIFHWADDR, &r);
}

static void carry(int from, int to)
{
	char frame[65536];
	const ssize_t n = read(from, frame, sizeof(frame));

	/* One that is not taken (the other end is down) is lost, as on a wire. */
	if (n > 0 && write(to, frame, (size_t)n) < 0)
		return;
}

int main(int argc, char **argv)
{
	int host, space, guest;

	if (argc != 4)
		return 2;
	prctl(PR_SET_PDEATHSIG, 9);
	host = attach(argv[1]);
	space = open(argv[2], O_RDONLY | O_CLOEXEC);
	if (host < 0 || space < 0 || setns(space, CLONE_NEWNET) < 0)
		return 1;
	guest = attach("eth0");
	if (guest < 0 || set_mac(guest, argv[3]) < 0)
		return 1;
	/* Whoever waits for us knows that the interface is there. */
	if (write(1, "ready\n", 6) != 6)
		return 1;
	for (;;) {
		struct pollfd p[2] = {{host, POLLIN, 0}, {guest, POLLIN, 0}};

		if (poll(p, 2, -1) < 0)
			return 1;
		if (p[0].revents)
			carry(host, guest);
		if (p[1].revents)
			carry(guest, host);
	}
}
