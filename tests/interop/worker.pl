#!/usr/bin/perl
# A TheSchwartz worker: {databases, options, classes, marks, limit}. It works until standard input is closed, or until
# `limit` jobs are done, and says how many they were. Each run of a job appends a line of JSON to the file `marks`.
#
# A class is {do, with, ms, brief, max_retries, retry_delay, grab_for, keep_exit_status_for}; `ms`: so long it works,
# `brief`: it writes down only which job it was.

use strict;
use warnings;
use Fcntl;
use FindBin;
use IO::Select;
use Time::HiRes ();
use TheSchwartz::Worker;
use lib "$FindBin::Bin/lib";
use Interop;

package Interop::Worker;
use parent -norequire, 'TheSchwartz::Worker';

our ( %classes, $marks );

my %limits = ( max_retries => 0, retry_delay => 0, grab_for => 3600, keep_exit_status_for => 0 );
for my $name ( keys %limits ) {
    no strict 'refs';
    *$name = sub { $classes{ $_[0] }{$name} // $limits{$name} };
}

my %deeds = (
    completed => sub { $_[0]->completed },
    failed    => sub { shift->failed(@_) },
    die       => sub { die "died in Perl\n" },
    declined  => sub { $_[0]->declined },
    put_off   => sub { $_[0]->declined( time + $_[1] ) },
    replace   => sub { shift->replace_with( map { Interop::job($_) } @_ ) },
);

sub work {
    my ( $class, $job ) = @_;
    my $spec = $classes{$class};
    mark( $class, $job );
    Time::HiRes::sleep( $spec->{ms} / 1000 ) if $spec->{ms};
    $deeds{ $spec->{do} || 'completed' }->( $job, @{ $spec->{with} || [] } );
}

sub mark {
    my ( $class, $job ) = @_;
    my @facts = qw(arg uniqkey insert_time run_after priority coalesce failures);
    my %mark  = map { $_ => $job->$_ } 'jobid', $classes{$class}{brief} ? () : @facts;
    utf8::decode( $mark{arg} ) if defined $mark{arg} && !ref $mark{arg};
    sysopen my $file, $marks, main::O_WRONLY | main::O_APPEND | main::O_CREAT or die "$marks: $!";
    syswrite $file, Interop::to_json( { %mark, class => $class, at => Time::HiRes::time, pid => $$ } ) . "\n";
    close $file;
}

package main;

my $request = Interop::request();
%Interop::Worker::classes = %{ $request->{classes} };
$Interop::Worker::marks   = $request->{marks};

my $client = Interop::client($request);
for my $class ( sort keys %{ $request->{classes} } ) {
    no strict 'refs';
    @{"${class}::ISA"} = ('Interop::Worker');
    $client->can_do($class);
}

my $stdin  = IO::Select->new( \*STDIN );
my $worked = 0;
until ( $stdin->can_read(0) || $request->{limit} && $worked >= $request->{limit} ) {
    if   ( $client->work_once ) { $worked++ }
    else                        { $stdin->can_read(0.02) }
}
Interop::answer($worked);
