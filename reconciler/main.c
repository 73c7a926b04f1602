/* main.c - argv to one row of the command table. */
#include "reconciler/cli.h"

int main(int argc, char **argv)
{
	return cli_main(argc, argv);
}
