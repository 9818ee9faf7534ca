# The Perl original's worker loop: theschwartz.pl DSN USER PASSWORD FILE [JOBS_PER_CHILD]
# A byte into FILE for every ten jobs. With JOBS_PER_CHILD, a fresh child after so many, as the ancestor's manager has it.
use strict;
use warnings;
use TheSchwartz;
use TheSchwartz::Worker;

my ($dsn, $user, $password, $file, $per_child) = @ARGV;
open my $counts, '>>', $file or die $!;
my $done = 0;

package bench_jobs::Noop;
use parent -norequire, 'TheSchwartz::Worker';
sub work {
    my ($class, $job) = @_;
    $job->completed;
    syswrite $counts, '.' if ++$done % 10 == 0;
}

package main;

sub live {
    my $client = TheSchwartz->new(
        databases => [{ dsn => $dsn, user => $user, pass => $password }],
        driver_cache_expiration => 300,
    );
    $client->can_do('bench_jobs::Noop');
    for (my $n = 0; !$per_child || $n < $per_child; $n++) { $client->work_once or select undef, undef, undef, 0.1 }
}

live() unless $per_child;
while (1) {
    my $pid = fork;
    if (!$pid) { live(); exit 0 }
    waitpid $pid, 0;
}
