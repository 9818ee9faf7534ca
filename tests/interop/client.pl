#!/usr/bin/perl
# One call of a TheSchwartz client: {databases, options, call, with} -> what it said.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Interop;
use TheSchwartz::Worker;

my $request = Interop::request();
my $client  = Interop::client($request);

my %calls = (
    insert    => sub { [ map { handle_of( $client->insert( Interop::job($_) ) ) } @_ ] },
    insert_jobs => sub { scalar $client->insert_jobs( map { Interop::job($_) } @_ ) },

    look      => sub { [ map { look($_) } @_ ] },
    list_jobs => sub { [ map { seen($_) } $client->list_jobs(shift) ] },

    find_job_with_coalescing_value  => sub { found( $client->find_job_with_coalescing_value(@_) ) },
    find_job_with_coalescing_prefix => sub { found( $client->find_job_with_coalescing_prefix(@_) ) },
);

# Who finds a job by its coalescing value grabs it, for as long as its class says.
@Sandbox::Worker::A::ISA = ('TheSchwartz::Worker');

sub look {
    my $handle = $client->handle_from_string(shift);
    return {
        pending     => $handle->is_pending,
        exit_status => scalar $handle->exit_status,
        failure_log => [ map { decoded($_) } $handle->failure_log ],
        failures    => scalar $handle->failures,
    };
}

# Drivers differ in whether they decode what a database has.
sub decoded { my ($text) = @_; utf8::decode($text); return $text }

sub handle_of { $_[0] ? $_[0]->as_string : undef }

sub found { $_[0] ? seen( $_[0] ) : undef }

sub seen {
    my ($job) = @_;
    return { handle => handle_of( $job->handle ), map { $_ => $job->$_ } qw(arg uniqkey run_after priority coalesce) };
}

Interop::answer( $calls{ $request->{call} }->( @{ $request->{with} } ) );
