#!/usr/bin/perl
# A client as Gearman::Client makes it: {servers, prefix, tasks: [{func, hex, background, options}]} -> what came of each.

use strict;
use warnings;
use Gearman::Client;
use Gearman::Task;
use JSON::PP;

my $request = decode_json( do { local $/; <STDIN> } );
my $client  = Gearman::Client->new( job_servers => $request->{servers} );
$client->prefix( $request->{prefix} ) if $request->{prefix};

my @answers;
for my $task ( @{ $request->{tasks} } ) {
    my $arg = pack( 'H*', $task->{hex} );
    my %seen = ( status => [] );
    if ( $task->{background} ) {
        $seen{handle} = $client->dispatch_background( $task->{func}, \$arg, $task->{options} || {} );
    }
    else {
        my $set = $client->new_task_set;
        $set->add_task(
            $task->{func}, \$arg,
            {   %{ $task->{options} || {} },
                on_complete  => sub { $seen{hex} = unpack( 'H*', ${ $_[0] } ) },
                on_fail      => sub { $seen{failed} = 1 },
                on_warning   => sub { push @{ $seen{warnings} }, ${ $_[0] } },
                on_status    => sub { push @{ $seen{status} }, [ map { $_ + 0 } @_ ] },
            }
        );
        $set->wait( timeout => 20 );
    }
    push @answers, \%seen;
}
print encode_json( \@answers );
