#!/usr/bin/perl
# A Gearman::Worker that answers each of FUNCTIONS with its argument reversed, until it is killed or its parent is gone.
# usage: gearman_worker.pl SERVER PREFIX FUNCTION ...

use strict;
use warnings;
use Gearman::Worker;

my ( $server, $prefix, @functions ) = @ARGV;
my $worker = Gearman::Worker->new( job_servers => [$server] );
$worker->prefix($prefix) if length $prefix;
for my $function (@functions) {
    $worker->register_function( $function => sub { my $job = shift; $job->set_status( 1, 2 ); scalar reverse $job->arg } );
}
my $parent = getppid;
$worker->work( stop_if => sub { getppid != $parent } ) while getppid == $parent;
